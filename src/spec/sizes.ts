import type { EncodingSpec, OptimizerSpec, StoreSpec } from "./compiled.js";

/** Weights of a row as they lie in memory: rounded up to whole vectors, a single one by itself. */
const lanesOf = (dim: number): number => (dim === 1 ? 1 : (dim + 3) & ~3);

/** Bytes of an optimizer's state beside the weights; `z` of ftrl takes their place. `shared`: of row-wise AdaGrad's. */
function slotBytes({ kind }: OptimizerSpec, lanes: number, shared = Math.min(lanes, 4) * 4): number {
  return { ftrl: lanes * 4, adagrad: lanes * 4, rowwise_adagrad: shared, adam: lanes * 8, sgd: 0 }[kind];
}

/** Bytes of one row of a store, without what finds it (see src/tables/row-layout.ts; a test compares the two). */
export function rowBytes({ encoding, dim, optimizer, eviction, precision }: StoreSpec): number {
  const kept = !eviction ? 0 : eviction.expire_time && eviction.policy === "lfu" ? 16 : 8;
  const head = encoding === "exact" ? 8 + kept : 0;
  const lanes = lanesOf(dim);
  if (precision) return head + packedBytes(optimizer, lanes, precision);
  return head + lanes * 4 + slotBytes(optimizer, lanes);
}

/** In low precision ftrl's n takes two bytes, and int8 weights have a scale of two bytes. */
function packedBytes(optimizer: OptimizerSpec, lanes: number, precision: StoreSpec["precision"]): number {
  const weights = precision === "int8" ? lanes + 2 : lanes * 2;
  return weights + (optimizer.kind === "ftrl" ? lanes * 2 : slotBytes(optimizer, lanes, 4));
}

/** Bytes of a cell of an admission filter. */
export const FILTER_CELL_BYTES = 4;

/** Bytes of a store's admission filter (see src/tables/lifecycle.ts). */
export function filterBytes({ admission }: Pick<StoreSpec, "admission">): number {
  return (admission?.filter_capacity ?? 0) * FILTER_CELL_BYTES;
}

/** Bytes of index or bitmaps a row: of a fixed store two bits, of an exact one a share of a group of ten. */
const beside = (encoding: "hash" | "exact"): number => (encoding === "hash" ? 0.25 : 66 / 10);

/** Bytes a store takes. */
export const storeBytes = (store: StoreSpec): number => store.rows * (rowBytes(store) + beside(store.encoding));

/** How many rows of a store have room in so many bytes. */
export const rowsWithin = (bytes: number, store: StoreSpec): number =>
  Math.floor(bytes / (rowBytes(store) + beside(store.encoding)));

/** Weights of a decoder: layers of `width` over a code of `hashes`, and the last one of `dim`. */
export function decoderWeights({ dim, dhe }: EncodingSpec): number {
  if (!dhe) return 0;
  const { hashes, width, depth, batch_norm } = dhe;
  const layer = (inputs: number) => inputs * width + width + (batch_norm ? 2 * width : 0);
  return layer(hashes) + (depth - 1) * layer(width) + width * dim + dim;
}

/** Bytes of dense weights and their optimizer's state. */
export function denseBytes(weights: number, optimizer: OptimizerSpec): number {
  return weights * 4 + slotBytes(optimizer, weights);
}

/** "1.5 MB", for messages. */
export function sizeText(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const unit = bytes < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(bytes) / 3));
  return `${Number((bytes / 1000 ** unit).toPrecision(3))} ${units[unit]}`;
}

const BYTE_UNITS: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
};
const TIME_UNITS: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3600, d: 86400 };

/** Bytes that a spec gives as a number or a text; undefined where it is neither. */
export const parseBytes = (given: number | string): number | undefined => quantity(given, BYTE_UNITS, Math.floor);

/** Seconds that a spec gives as a number or a text; undefined where it is neither. */
export const parseSeconds = (given: number | string): number | undefined => quantity(given, TIME_UNITS, (x) => x);

function quantity(
  given: number | string,
  units: Readonly<Record<string, number>>,
  round: (x: number) => number,
): number | undefined {
  if (typeof given === "number") return given;
  const match = /^(\d+(?:\.\d+)?)\s*([a-zA-Z]*)$/.exec(given.replaceAll("_", ""));
  const unit = match ? units[match[2].toLowerCase()] : undefined;
  const value = match && unit !== undefined ? round(Number(match[1]) * unit) : 0;
  return value > 0 && Number.isFinite(value) ? value : undefined;
}
