import { rowLayout } from "../core/row-layout.js";
import { optimizerOf } from "../optimizers/index.js";
import type { EncodingSpec, OptimizerSpec, StoreSpec } from "./compiled.js";

/** Bytes of one row of a store, without what finds it. */
export function rowBytes({ encoding, dim, optimizer, eviction, precision }: StoreSpec): number {
  return rowLayout(encoding, dim, optimizerOf(optimizer.kind).slots, precision, eviction).stride;
}

/** Bytes of a cell of an admission filter. */
export const FILTER_CELL_BYTES = 4;

/** Bytes of a store's admission filter (see src/tables/lifecycle.ts). */
export function filterBytes({ admission }: Pick<StoreSpec, "admission">): number {
  return (admission?.filter_capacity ?? 0) * FILTER_CELL_BYTES;
}

/**
 * Bytes of what finds rows: two bitmaps of a fixed store; of an exact one groups of at most ten, a power of two of them, each with
 * two bytes of bitmap. In whole cache lines.
 */
function indexBytes({ encoding, rows }: StoreSpec): number {
  if (encoding === "hash") return 128 * Math.ceil(rows / 512);
  return 64 * Math.ceil((66 * 2 ** Math.ceil(Math.log2(Math.max(1, rows / 10)))) / 64);
}

/** Bytes a store takes. */
export const storeBytes = (store: StoreSpec): number => store.rows * rowBytes(store) + indexBytes(store);

/**
 * Bytes of a decoder: layers of `width` over a code of `hashes`, each with a bias (or, normed, scale and shift, and running mean
 * and variance), the last one of `dim`.
 */
export function decoderBytes({ dim, dhe }: EncodingSpec): number {
  if (!dhe) return 0;
  const { hashes, width, depth, batch_norm, optimizer } = dhe;
  const layer = (inputs: number) => (inputs + (batch_norm ? 2 : 1)) * width;
  const weights = layer(hashes) + (depth - 1) * layer(width) + (width + 1) * dim;
  return denseBytes(weights, optimizer) + (batch_norm ? 8 * width * depth : 0);
}

/** Bytes of dense weights and their optimizer's state. */
export function denseBytes(weights: number, optimizer: OptimizerSpec): number {
  return 4 * optimizerOf(optimizer.kind).slots.reduce((sum, { shared }) => sum + (shared ? 4 : weights), 0);
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
