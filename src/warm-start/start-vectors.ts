import { grouped } from "../core/digits.js";
import { HashbrookError } from "../core/errors.js";
import { fromHex64 } from "../core/hash.js";
import { nearest } from "../core/nearest.js";
import { type CompiledField, fieldOf } from "../fields/index.js";
import { xxh64 } from "../kernels/hash.js";
import type { Model } from "../model/model.js";
import type { CompiledSpec, CompiledTable } from "../spec/compiled.js";
import type { Encoding } from "../tables/encoding.js";
import type { RowStore } from "../tables/row-store.js";
import { towerOf } from "../towers/index.js";
import { distil, openDistilled, storedTable, type Taught } from "./distil.js";
import { type IdVectors, readGivenVectors } from "./id-vectors.js";
import type { StartedPart } from "./report.js";

/** Passes over the ids, for encodings whose ids have no rows of their own. */
const PASSES = 20;

/**
 * Root mean square of a weight that a table's vectors are scaled to. Vectors of word2vec are some three times as long, which
 * disturbs a tower's first steps; much shorter ones have hardly any effect (`bench/item2vec.ts`: 0.3 is best of 0.03, 0.1, 0.3
 * and 1 on both streams, at every stage).
 */
const SIZE = 0.3;

/** Pretrained vectors for a table. */
export interface TableVectors {
  /** As in the spec. */
  readonly table: string;
  /** A folder of `vectors.npy` and `ids.tsv`, or a Parquet file. */
  readonly path: string;
}

/**
 * Initialises ids of tables without a row from pretrained vectors: the first `dim` floats of each, scaled to a common size.
 * Optimizer state is that of a row initialised with them.
 * @throws HashbrookError usage, source_missing, source_unreadable
 */
export async function startVectors(model: Model, given: readonly TableVectors[]): Promise<StartedPart[]> {
  const parts: StartedPart[] = [];
  for (const { table: name, path } of given) parts.push(await startTable(model, name, path));
  return parts;
}

async function startTable(model: Model, name: string, path: string): Promise<StartedPart> {
  const { spec } = model;
  const table = tableOf(spec, name);
  const seeds = seedsOf(spec, table);
  const stored = storedTable(spec, table);
  const vectors = await readGivenVectors(path);
  const taught = keyed(vectors, seeds, table.dim, stored.dim);
  const encoding = await openDistilled(stored, spec.tower.runtime);
  const blocks = new Map(model.blocks().map((block) => [block.name, block]));
  const own = encoding.blocks().map((block) => block.name);
  encoding.restore(blocks);
  const taken = await give(encoding, stored, taught, spec);
  model.restore(new Map([...blocks, ...own.map((block) => [block, blockOf(encoding, block)] as const)]));
  await encoding.close();
  const ids = `vectors of ${grouped(vectors.ids.length)} ids, ${Math.min(vectors.dim, table.dim)} of ${vectors.dim} floats, from ${path}`;
  return { part: "table", name, outcome: "taken", taken, reason: ids };
}

const blockOf = (encoding: Encoding, name: string): { data: Uint8Array } =>
  encoding.blocks().find((block) => block.name === name)!;

/** @returns number of rows created, or of ids whose vectors were fitted */
async function give(encoding: Encoding, table: CompiledTable, taught: Taught, spec: CompiledSpec): Promise<number> {
  const { dim: floats } = table;
  if (encoding.owned && !encoding.owned.others) {
    const fresh = withoutRows(encoding.stores, taught, floats);
    for (let from = 0; from < fresh.keys.length; from += 4096)
      encoding.owned.plant({
        keys: fresh.keys.subarray(from, from + 4096),
        weights: fresh.vectors.subarray(from * floats, (from + 4096) * floats),
      });
    return fresh.keys.length;
  }
  if (encoding.stores.some(({ rows }) => rows > 0))
    throw new HashbrookError(
      "usage",
      `--init-table ${table.name}: its rows are shared and were already taken from a checkpoint`,
      {
        hint: "use either --init-table or --init-from for this table",
      },
    );
  await distil(encoding, table, taught, {
    passes: PASSES,
    seed: spec.seed,
    runtime: spec.tower.runtime,
  });
  return taught.keys.length;
}

/** @param stores one, or the shards of a table */
function withoutRows(stores: readonly RowStore[], { keys, vectors }: Taught, floats: number): Taught {
  const fresh = [...keys.keys()].filter((i) => stores.every((store) => store.lookup(keys[i]) === null));
  const kept = new Float32Array(fresh.length * floats);
  fresh.forEach((i, at) => {
    kept.set(vectors.subarray(i * floats, (i + 1) * floats), at * floats);
  });
  return { keys: BigUint64Array.from(fresh, (i) => keys[i]), vectors: kept };
}

function tableOf({ tables, tower }: CompiledSpec, name: string): CompiledTable {
  const table = tables.find((table) => table.name === name);
  const refuse = (message: string, hint: string) =>
    new HashbrookError("usage", `--init-table ${name}: ${message}`, { hint });
  if (!table) {
    const meant = nearest(
      name,
      tables.map((table) => table.name),
    );
    throw refuse(
      "no such table in the spec",
      meant ? `did you mean ${meant}?` : `tables: ${tables.map((table) => table.name).join(", ")}`,
    );
  }
  if (table.role !== "embedding" || table.dim === 1 || towerOf(tower.kind).table?.dim)
    throw refuse(
      `its rows are not vectors of ids in ${tower.kind}`,
      "name a table of fm, or of a tower that embeds ids",
    );
  return table;
}

/** The seeds with which the table hashes the ids' texts. */
function seedsOf({ fields }: CompiledSpec, table: CompiledTable): bigint[] {
  const isId = (field: CompiledField | undefined) => {
    const { hashed, numeric, reads } = fieldOf(field!.type);
    return hashed === true && !numeric && (reads === "text" || reads === "items");
  };
  const cells = table.cells.filter(
    ({ field, kind }) => (kind === "single" || kind === "bag") && isId(fields.find(({ name }) => name === field)),
  );
  if (cells.length === 0)
    throw new HashbrookError("usage", `--init-table ${table.name}: none of its fields is an id`, {
      hint: "crosses and buckets have their own keys: name the table of the ids",
    });
  return [...new Set(cells.map(({ seed }) => fromHex64(seed)))];
}

/** Every id's key under every seed, and the first floats of its vector; a row's further floats (a linear weight) are 0. */
function keyed({ ids, dim, vectors }: IdVectors, seeds: readonly bigint[], width: number, floats: number): Taught {
  const keys = new BigUint64Array(ids.length * seeds.length);
  const laid = new Float32Array(keys.length * floats);
  const size = rootMeanSquare(vectors, dim, Math.min(dim, width)) || 1;
  let at = 0;
  for (const seed of seeds) {
    ids.forEach((id, i) => {
      keys[at] = xxh64(id, seed);
      for (let c = 0; c < Math.min(dim, width); c++) laid[at * floats + c] = (vectors[i * dim + c] * SIZE) / size;
      at++;
    });
  }
  return { keys, vectors: laid };
}

function rootMeanSquare(vectors: Float32Array, dim: number, width: number): number {
  let sum = 0;
  for (let row = 0; row < vectors.length; row += dim) for (let c = 0; c < width; c++) sum += vectors[row + c] ** 2;
  return Math.sqrt(sum / Math.max(1, (vectors.length / dim) * width));
}
