import type { Skipped } from "../checkpoints/store.js";
import { checkArguments } from "../core/arguments.js";
import { HashbrookError } from "../core/errors.js";
import { hex64 } from "../core/hash.js";
import { loadModel } from "../model/load.js";
import type { Model } from "../model/model.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { keysOf } from "../spec/keys.js";
import type { HotnessCounters } from "../tables/encoding.js";
import type { LifecycleCounts } from "../tables/lifecycle.js";
import type { RowStore, Table } from "../tables/table.js";
import { Best } from "./best.js";
import { Names } from "./names.js";

/** What to show of a checkpoint. */
export interface InspectOptions {
  /** A run's directory (its newest intact checkpoint) or one checkpoint's directory. */
  readonly checkpoint: string;
  /** Field whose value is looked up; requires `value`. */
  readonly field?: string | undefined;
  /** The value's text; for a cross one text per component; for buckets the bucket's index. */
  readonly value?: readonly string[] | undefined;
  /**
   * Number of rows to show: the longest of every table (default 5) or, if a value is given, the nearest by cosine in its tables
   * (default 0).
   */
  readonly top?: number | undefined;
  /**
   * Number of rows with the largest and smallest weights to show, for tables with one weight per row (`lr`, wide parts).
   * Default 0.
   */
  readonly heaviest?: number | undefined;
  /**
   * Events in which to find the ids of the rows shown: files, patterns or simulate:ROWS[:SEED[:FORMAT]]. Default: none, rows
   * have only keys.
   */
  readonly names?: string | readonly string[] | undefined;
}

/** A learned row: its key and weights. */
export interface InspectedRow {
  /** 16 hex digits. */
  readonly key: string;
  /** Euclidean norm of the weights. */
  readonly norm: number;
  /** The table's `dim` weights. */
  readonly weights: readonly number[];
  /** Cosine similarity to the requested row. */
  readonly similarity?: number;
  /**
   * With `names`: ids of the row that were found, the most frequent first, at most three; several if a hashed row is shared.
   */
  readonly names?: readonly string[];
}

/** A row of a table with one weight per row. */
export interface HeavyRow {
  /** 16 hex digits. */
  readonly key: string;
  /** The row's weight; 0 is none. */
  readonly weight: number;
  /** As in `InspectedRow`. */
  readonly names?: readonly string[];
}

/** The vector of the requested value. */
export interface AskedRow {
  /** 16 hex digits. */
  readonly key: string;
  /** Its row; null in a table whose vectors are not rows, and for an id that was never learned. */
  readonly row: number | null;
  /** The table's `dim` weights; null: never learned. */
  readonly weights: readonly number[] | null;
}

/** A store of rows that is part of a table. */
export interface InspectedStore {
  /** Its name, as in file names. */
  readonly name: string;
  /** Weights per row. */
  readonly dim: number;
  /** Rows in use. */
  readonly rows: number;
  /** Rows it can hold. */
  readonly capacity: number;
  /** Its memory in bytes. */
  readonly bytes: number;
  /** Weights with optimizer state. */
  readonly bytes_per_row: number;
  /** Absent if rows are neither admitted nor evicted. */
  readonly lifecycle: LifecycleCounts | undefined;
}

/** The content of a table. */
export interface InspectedTable {
  /** As the spec names it. */
  readonly name: string;
  /** Kind of the encoding. */
  readonly encoding: string;
  /** Kind of the rows' optimizer. */
  readonly optimizer: string;
  /** Dimension of an id's vector. */
  readonly dim: number;
  /** The fields that use it. */
  readonly fields: readonly string[];
  /** Rows in use. */
  readonly rows: number;
  /** Rows it can hold; 0: it has no rows. */
  readonly capacity: number;
  /** `rows` of `capacity`, 0 to 1. */
  readonly fill: number;
  /** Weights shared by all ids. */
  readonly dense_weights: number;
  /** Its memory in bytes. */
  readonly bytes: number;
  /** Empty if the encoding has no rows. */
  readonly stores: readonly InspectedStore[];
  /** Absent if the encoding does not separate hot and cold ids. */
  readonly hotness?: HotnessCounters;
  /** Undefined if no value was requested, or its field does not use this table. */
  readonly asked: AskedRow | undefined;
  /** The nearest to the requested row, or the longest first. */
  readonly top: readonly InspectedRow[];
  /** The largest weights in descending order, then the smallest in ascending order; present if requested. */
  readonly heaviest?: readonly HeavyRow[];
}

/** The content of a checkpoint. */
export interface InspectReport {
  /** Its directory. */
  readonly checkpoint: string;
  /** The model's name. */
  readonly model: string;
  /** Kind of the tower. */
  readonly tower: string;
  /** 16 hex digits. */
  readonly spec_hash: string;
  /** Events it had learned. */
  readonly examples: number;
  /** Size of its files. */
  readonly bytes: number;
  /** The position in the source at which it was taken, in the source's notation. */
  readonly position: object;
  /** The run's metrics so far, as stored. */
  readonly tally: object;
  /** In spec order; if a value was requested, only the tables that look it up. */
  readonly tables: readonly InspectedTable[];
  /** Damaged checkpoints that were skipped in favour of this one, and why. */
  readonly passed_over: readonly Skipped[];
  /** The compiled spec, with every default. */
  readonly spec: CompiledSpec;
}

/**
 * What a checkpoint holds: its spec, tables, their fill and bytes, and the rows of an id or the longest ones.
 * @throws HashbrookError checkpoint_missing | checkpoint_damaged | checkpoint_mismatch; usage where only one of `field` and
 *   `value` is given, or the spec does not look such a value up
 */
export async function inspect(options: InspectOptions): Promise<InspectReport> {
  checkArguments("inspect", options, {
    checkpoint: "path",
    field: "?text",
    value: "?list",
    names: "?patterns",
    top: "?whole",
    heaviest: "?whole",
  });
  const { checkpoint: at, field, value, heaviest = 0, names } = options;
  if ((field === undefined) !== (value === undefined)) {
    throw new HashbrookError("usage", "--field and --value require each other");
  }
  const { model, spec, specHash, examples, path, checkpoint, skipped } = await loadModel(at, {
    capacity: 1,
    threads: 1,
  });
  try {
    const asked = field ? keysOf(spec, field, value!) : [];
    const keyIn = (table: Table) => asked.find((key) => key.table === table.name)?.key;
    const shown = model.tables.filter((table) => field === undefined || keyIn(table) !== undefined);
    if (heaviest > 0 && !shown.some(({ spec }) => spec.dim === 1)) throw noWeights(shown);
    const { top = field === undefined ? (heaviest > 0 ? 0 : 5) : 0 } = options;
    const described: InspectedTable[] = [];
    for (const table of shown) described.push(await describe(table, keyIn(table), { top, heaviest }));
    const tables = names === undefined ? described : await named(described, model, spec, names);
    const { tally, position } = checkpoint.meta as unknown as { tally: object; position: object };
    const about = { checkpoint: path, model: spec.name, tower: spec.tower.kind, spec_hash: specHash, examples };
    return { ...about, bytes: checkpoint.bytes, position, tally, tables, passed_over: skipped, spec };
  } finally {
    await model.close();
  }
}

function noWeights(tables: readonly Table[]): HashbrookError {
  const dims = tables.map(({ name, spec }) => `${name} has dim ${spec.dim}`).join(", ");
  return new HashbrookError("usage", `--heaviest: no table has one weight per row: ${dims}`, {
    hint: "use --top, which shows the longest rows of any table; --heaviest is for lr and wide parts",
  });
}

/** Finds the ids of all rows shown. */
async function named(
  tables: readonly InspectedTable[],
  model: Model,
  spec: CompiledSpec,
  data: string | readonly string[],
): Promise<InspectedTable[]> {
  const finder = new Names(spec, model.tables);
  const places = tables.map(({ name }) => model.tables.findIndex((table) => table.name === name));
  for (const [i, { top, heaviest = [] }] of tables.entries())
    for (const { key } of [...top, ...heaviest]) finder.want(places[i], key);
  await finder.read(typeof data === "string" ? [data] : data);
  return tables.map(({ top, heaviest, ...table }, i) => {
    const withNames = <T extends { readonly key: string }>(row: T) => ({
      ...row,
      names: finder.of(places[i], row.key),
    });
    return { ...table, top: top.map(withNames), ...(heaviest && { heaviest: heaviest.map(withNames) }) };
  });
}

interface Shown {
  readonly top: number;
  readonly heaviest: number;
}

async function describe(table: Table, key: string | undefined, { top, heaviest }: Shown): Promise<InspectedTable> {
  const { rows, capacity, bytes } = table.stats();
  const { encoding, dim, optimizer, cells } = table.spec;
  const asked = key === undefined ? undefined : await look(table, key);
  const to = asked?.weights ?? undefined;
  const shown = top > 0 && (key === undefined || to) ? topRows(table, top, to) : [];
  return {
    name: table.name,
    encoding,
    optimizer: optimizer.kind,
    dim,
    fields: cells.map((cell) => cell.field),
    rows,
    capacity,
    fill: capacity > 0 ? rows / capacity : 0,
    dense_weights: table.dense.reduce((sum, weights) => sum + weights.size, 0),
    bytes,
    stores: table.stores.map(describeStore),
    ...(table.hotness && { hotness: table.hotness }),
    asked,
    top: shown,
    ...(heaviest > 0 && dim === 1 && { heaviest: heaviestRows(table, heaviest) }),
  };
}

/** A key's vector; for a table with a row per id only if the id was learned. */
async function look(table: Table, key: string): Promise<AskedRow> {
  const id = BigInt(`0x${key}`);
  if (!table.lookup) return { key, row: null, weights: Array.from(await table.vectorOf(id)) };
  const found = table.lookup(id);
  return { key, row: found?.row ?? null, weights: found ? Array.from(found.weights) : null };
}

function describeStore({ spec, layout, rows, capacity, bytes, lifecycle }: RowStore): InspectedStore {
  const about = { name: spec.name, dim: layout.dim, rows, capacity, bytes, bytes_per_row: layout.stride };
  return { ...about, lifecycle: lifecycle?.counts() };
}

/** The rows with the largest norm, or the nearest to `to` by cosine. */
function topRows(table: Table, top: number, to?: readonly number[]): InspectedRow[] {
  const best = new Best<InspectedRow>(top);
  const { dim } = table.spec;
  const vectors = table.stores.filter(({ layout }) => layout.dim === dim);
  for (const { keys, weights } of chunksOf(vectors)) {
    for (let i = 0; i < keys.length; i++) {
      const row = weights.subarray(i * dim, (i + 1) * dim);
      const norm = normOf(row);
      const similarity = to && cosine(row, to);
      best.offer(similarity ?? norm, () => {
        return { key: hex64(keys[i]), norm, weights: Array.from(row), ...(to && { similarity }) };
      });
    }
  }
  return best.items;
}

/** The largest in descending order, and the smallest in ascending order; no row is in both. */
function heaviestRows(table: Table, most: number): HeavyRow[] {
  const [high, low] = [new Best<HeavyRow>(most), new Best<HeavyRow>(most)];
  for (const { keys, weights } of chunksOf(table.stores.filter(({ layout }) => layout.dim === 1))) {
    for (let i = 0; i < keys.length; i++) {
      const weight = weights[i];
      if (weight !== 0) (weight > 0 ? high : low).offer(Math.abs(weight), () => ({ key: hex64(keys[i]), weight }));
    }
  }
  return [...high.items, ...low.items];
}

function* chunksOf(stores: readonly RowStore[]) {
  for (const store of stores) yield* store.exportRows();
}

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const lengths = normOf(a) * normOf(b);
  return lengths > 0 ? product(a, b) / lengths : 0;
}

const normOf = (vector: ArrayLike<number>): number => Math.sqrt(product(vector, vector));

function product(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
