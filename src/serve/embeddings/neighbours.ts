import { fromHex64, hex64 } from "../../core/hash.js";
import type { Model } from "../../model/model.js";
import { similarities } from "../../tables/similarities.js";
import type { RowStore } from "../../tables/table.js";
import { type Embedded, embedded, needKeyedRows } from "./lookup.js";
import { type Id, invalid, type Place, placeOf } from "./places.js";
import type { Look } from "./steady.js";

/** The parameters of a search. */
export interface Wanted {
  readonly field: string;
  readonly table?: string | undefined;
  /** Search near this id, which is excluded from the results. */
  readonly id?: Id | undefined;
  /** Or near this vector. */
  readonly vector?: readonly number[] | undefined;
  /** Compare only these ids. Default: all rows of the table. */
  readonly among?: readonly Id[] | undefined;
  readonly k: number;
  readonly metric: "cosine" | "dot";
}

/** One result. */
export interface Neighbour {
  readonly key: string;
  readonly score: number;
  /** Present if ids were named. */
  readonly id?: Id;
}

/** Rows compared at a time: below a millisecond. */
const SLICE = 8192;

/**
 * Exact search: the nearest of all learned rows, or of the named ids, by cosine or dot product; equal ones by key.
 * @throws HashbrookError request_invalid
 */
export async function neighbours(look: Look, wanted: Wanted): Promise<{ table: string; neighbors: Neighbour[] }> {
  const placeIn = (model: Model) => placeOf(model, wanted.field, wanted.table);
  const begun = await look((model) => stores(placeIn(model), wanted));
  const { query, own } = await queryOf(look, placeIn, wanted);
  const best = new Best(wanted.k, own);
  for (const one of await embedded(look, placeIn, wanted.among ?? []))
    best.add(similarity(query, one, wanted.metric), one.key, one.id);
  const slices = wanted.among ? [] : begun.rows.flatMap((rows, store) => slicesOf(rows, store));
  for (const slice of slices)
    await look((model) => addRows(best, placeIn(model).table.stores[slice.store], query, wanted.metric, slice));
  return { table: begun.table, neighbors: best.list };
}

/** The stores that a search without names covers. */
function stores({ table }: Place, { among }: Wanted): { readonly table: string; readonly rows: readonly number[] } {
  if (!among) needKeyedRows(table);
  return { table: table.name, rows: table.stores.map(({ rows }) => rows) };
}

interface Slice {
  readonly store: number;
  readonly from: number;
  readonly count: number;
}

function slicesOf(rows: number, store: number): Slice[] {
  const count = Math.ceil(rows / SLICE);
  return Array.from({ length: count }, (_, i) => ({
    store,
    from: i * SLICE,
    count: Math.min(SLICE, rows - i * SLICE),
  }));
}

async function queryOf(
  look: Look,
  placeIn: (model: Model) => Place,
  { id, vector, metric }: Wanted,
): Promise<{ readonly query: Float32Array; readonly own: string | undefined }> {
  if ((id === undefined) === (vector === undefined)) throw invalid("body: must have either id or vector");
  const [of] = vector ? [{ vector, key: undefined }] : await embedded(look, placeIn, [id!]);
  const dim = await look((model) => placeIn(model).table.spec.dim);
  if (of.vector.length !== dim)
    throw invalid(`vector: has ${of.vector.length} numbers, but those of the table have ${dim}`);
  const length = metric === "cosine" ? Math.hypot(...of.vector) : 1;
  const query = Float32Array.from(of.vector, (x) => (length > 0 ? x / length : 0));
  if (!Number.isFinite(length) || !query.every(Number.isFinite)) throw invalid("vector: its norm is too large");
  return { query, own: of.key };
}

function addRows(best: Best, store: RowStore, query: Float32Array, metric: Wanted["metric"], slice: Slice): void {
  const { from, count } = slice;
  const scores = similarities(store, query, metric === "cosine", slice);
  for (let i = 0; i < count; i++) if (scores[i] >= best.least) best.add(scores[i], hex64(store.keyOf(from + i)));
}

/** As in the kernel, for ids that are named. */
function similarity(query: Float32Array, { vector }: Embedded, metric: Wanted["metric"]): number {
  let dot = 0;
  let squares = 0;
  for (const [i, x] of vector.entries()) {
    dot += x * query[i];
    squares += x * x;
  }
  if (metric === "dot") return Math.fround(dot);
  return squares > 0 ? Math.fround(dot / Math.sqrt(squares)) : 0;
}

/** The best results so far, best first. */
class Best {
  readonly list: Neighbour[] = [];
  private readonly k: number;
  private readonly own: bigint | undefined;

  /** @param own a key to exclude */
  constructor(k: number, own?: string) {
    this.k = k;
    this.own = own === undefined ? undefined : fromHex64(own);
  }

  /** The least score to be included. */
  get least(): number {
    return this.list.length < this.k ? Number.NEGATIVE_INFINITY : this.list[this.k - 1].score;
  }

  add(score: number, key: string, id?: Id): void {
    if (fromHex64(key) === this.own || !Number.isFinite(score) || score < this.least) return;
    const isBehind = (other: Neighbour) => other.score < score || (other.score === score && other.key > key);
    const at = this.list.findIndex(isBehind);
    this.list.splice(at < 0 ? this.list.length : at, 0, { key, score, ...(id !== undefined && { id }) });
    if (this.list.length > this.k) this.list.pop();
  }
}
