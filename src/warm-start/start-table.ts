import type { Checkpoint } from "../checkpoints/checkpoint.js";
import type { SavedBlocks } from "../core/blocks.js";
import { rowCountOf } from "../model/checkpoint-rows.js";
import type { CompiledSpec, CompiledTable } from "../spec/compiled.js";
import type { Encoding } from "../tables/encoding.js";
import type { RowStore } from "../tables/row-store.js";
import { distil, openDistilled, storedTable, teach } from "./distil.js";
import type { StartedPart } from "./report.js";
import { storedKeys } from "./stored-keys.js";
import { keepsState, matchTable, type TableMatch } from "./table-match.js";

/** Passes over the ids, for encodings that are fitted to the old vectors. */
const PASSES = 20;

/** The initial blocks of a table that starts from another one, and what happened to it. */
export interface StartedTable {
  /** Names of blocks that the checkpoint has as the table needs them. */
  readonly taken: readonly string[];
  /** Blocks made from the checkpoint's. */
  readonly blocks: SavedBlocks;
  readonly part: StartedPart;
}

/** Where a table may come from. */
interface Origin {
  readonly checkpoint: Checkpoint;
  /** The checkpoint's blocks. */
  readonly saved: SavedBlocks;
  /** The blocks of the new table. */
  readonly names: readonly string[];
}

/**
 * A table's initial state, as far as the table of the same name in a checkpoint provides it.
 * @throws HashbrookError checkpoint_damaged; table_full if its rows do not fit
 */
export async function startedTable(
  from: CompiledSpec,
  to: CompiledSpec,
  now: CompiledTable,
  { checkpoint, saved, names }: Origin,
): Promise<StartedTable> {
  const old = from.tables.find(({ name }) => name === now.name);
  if (!old) return nothing(now, "fresh", "no such table in the checkpoint");
  const match = matchTable(from, old, to, now);
  if (match.how === "refused") return nothing(now, "refused", match.why);
  const part = { part: "table", name: now.name } as const;
  const notes = match.notes.join("; ") || null;
  const there = await open(from, old);
  try {
    if (match.how === "same") {
      const rows = sumOf(there.stores, ({ spec }) => rowCountOf(checkpoint, spec));
      const taken = names.filter((name) => saved.has(name));
      return { taken, blocks: new Map(), part: { ...part, outcome: "taken", taken: rows, reason: notes } };
    }
    there.restore(saved);
    const blocks = await carried(there, match, old, to, now);
    const rows = sumOf(there.stores, (store) => store.rows);
    const reason = [`${told(to, now)}, was ${told(from, old)}`, notes].filter(Boolean).join("; ");
    return { taken: [], blocks, part: { ...part, outcome: "resized", taken: rows, reason } };
  } finally {
    await there.close();
  }
}

const nothing = ({ name }: CompiledTable, outcome: "fresh" | "refused", reason: string): StartedTable => ({
  taken: [],
  blocks: new Map(),
  part: { part: "table", name, outcome, taken: 0, reason },
});

const sumOf = (stores: readonly RowStore[], rows: (store: RowStore) => number): number =>
  stores.reduce((sum, store) => sum + rows(store), 0);

const told = (spec: CompiledSpec, table: CompiledTable) =>
  `${table.encoding} of ${storedTable(spec, table).dim} floats`;

/** A table's encoding alone. */
const open = (spec: CompiledSpec, table: CompiledTable): Promise<Encoding> =>
  openDistilled(storedTable(spec, table), spec.tower.runtime);

async function carried(
  there: Encoding,
  match: Extract<TableMatch, { how: "rows" | "learned" }>,
  old: CompiledTable,
  to: CompiledSpec,
  now: CompiledTable,
): Promise<SavedBlocks> {
  const here = await open(to, now);
  const state = keepsState(old, now);
  if (match.how === "rows")
    there.stores.forEach((store, i) => {
      carryRows(store, here.stores[i], { ...match, state });
    });
  else await learn(there, here, match.columns, to, now);
  const blocks = new Map(here.blocks().map(({ name, data }) => [name, { data: data.slice() }]));
  await here.close();
  return blocks;
}

interface Carry {
  readonly columns: Int32Array;
  /** Number of new rows that an old one is copied into, at a fixed distance. */
  readonly copies: number;
  /** Optimizer state is copied, too. */
  readonly state: boolean;
}

/** Copies every row of one store into another one. */
function carryRows(there: RowStore, here: RowStore, { columns, copies, state }: Carry): void {
  for (const { keys, weights } of there.exportRows()) {
    for (let copy = 0; copy < copies; copy++) {
      const moved = copy === 0 ? keys : keys.map((key) => key + BigInt(copy * there.spec.rows));
      here.plant({ keys: moved, weights: laid(moved, weights, columns, here, there.layout.dim) });
      if (state) for (const [i, key] of keys.entries()) carryState(there, key, here, moved[i], columns);
    }
  }
  if (state && here.optimizer.countsSteps)
    here.kernel.restoreSteps(there.kernel.stepState1(), there.kernel.stepState2());
}

/** The old floats if there are any, else the key's initial ones. */
function laid(
  keys: BigUint64Array,
  weights: Float32Array,
  columns: Int32Array,
  here: RowStore,
  dim: number,
): Float32Array {
  const out = new Float32Array(keys.length * columns.length);
  const fresh = columns.includes(-1);
  keys.forEach((key, k) => {
    if (fresh) out.set(here.weightsOf(key), k * columns.length);
    columns.forEach((at, c) => {
      if (at >= 0) out[k * columns.length + c] = weights[k * dim + at];
    });
  });
  return out;
}

/** For f32 rows: copies every slot, float by float. */
function carryState(there: RowStore, old: bigint, here: RowStore, now: bigint, columns: Int32Array): void {
  const row = here.kernel.rowOf(now) >>> 0;
  if (row === 0xffffffff) return; // no room for it: another one has its place
  const from = new Float32Array(
    there.memory.buffer,
    there.kernel.rowPtr(there.kernel.rowOf(old)) >>> 0,
    there.layout.stateBytes / 4,
  );
  const to = new Float32Array(here.memory.buffer, here.kernel.rowPtr(row) >>> 0, here.layout.stateBytes / 4);
  here.layout.sections.forEach(({ offset, count }, s) => {
    const source = there.layout.sections[s];
    const a = source.offset / 4;
    const b = offset / 4;
    if (here.optimizer.slots[s].shared) for (let i = 0; i < Math.min(count, source.count); i++) to[b + i] = from[a + i];
    else
      columns.forEach((at, c) => {
        if (at >= 0) to[b + c] = from[a + at];
      });
  });
}

/** Fits an encoding to the old one's vectors for all the keys it knows. */
async function learn(
  there: Encoding,
  here: Encoding,
  columns: Int32Array,
  to: CompiledSpec,
  now: CompiledTable,
): Promise<void> {
  const taught = await teach(there, storedKeys(there.stores));
  const fresh = await teach(here, taught.keys);
  const vectors = fresh.vectors.map((value, i) => {
    const at = columns[i % columns.length];
    return at < 0 ? value : taught.vectors[Math.floor(i / columns.length) * there.dim + at];
  });
  const options = { passes: PASSES, seed: to.seed, runtime: to.tower.runtime };
  await distil(here, storedTable(to, now), { keys: taught.keys, vectors }, options);
}
