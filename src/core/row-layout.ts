import type { EvictionSpec } from "../spec/compiled.js";

/** One named part of a row's state: a float per weight, or (`shared`) one float for the whole row. */
export interface Slot {
  readonly name: string;
  readonly shared?: boolean;
  /** How rows of low precision store it. Default: f32. */
  readonly packed?: "f16" | "f32";
}

/**
 * Formats of numbers in a row: `q2.13` is an integral multiple of 2^-13 in two bytes, `int4` takes half a byte, `int2`
 * a quarter.
 */
export type NumberType = "f32" | "bf16" | "f16" | "q2.13" | "int8" | "int4" | "int2";
/** How a row stores its weights. */
export type RowPrecision = Exclude<NumberType, "bf16">;

/** Numbers of the precisions in src/kernels/assembly/table/codec.ts. */
export const codecs: Readonly<Record<RowPrecision, number>> = {
  f32: 0,
  f16: 1,
  "q2.13": 2,
  int8: 3,
  int4: 4,
  int2: 5,
};
/** The precisions with a scale per row. */
export const isScaled = (precision: RowPrecision): boolean => codecs[precision] >= codecs.int8;

/** Position of one slot in a row's state. */
export interface Section {
  readonly name: string;
  readonly type: NumberType;
  /** Bytes from the start of the state. */
  readonly offset: number;
  /** Number of elements, including padding. */
  readonly count: number;
}

/**
 * The bytes of one row: [key u64 (exact tables)] [eviction data] [sections]. `lanes` is 1 for one weight, else `dim`
 * rounded up to a multiple of 4; padding weights are always 0.
 *
 * In f32 a section is `lanes` floats, a shared slot 1 float, padded to 4 if lanes > 1. In other precisions the first
 * section is the weights' codes, followed by their scale for int8, int4 and int2. The other slots are f32, a shared one
 * 1 float. FTRL then stores z / D(n), which has the scale of a weight, and sqrt(n) as f16
 * (src/kernels/assembly/table/optimizers/ftrl.ts).
 */
export interface RowLayout {
  readonly dim: number;
  readonly lanes: number;
  readonly precision: RowPrecision;
  readonly sections: readonly Section[];
  readonly keyBytes: 0 | 8;
  /**
   * Eviction data: {u32 examples when last updated, u32 event seconds then (expire_time), u32 frequency (lfu)}, as far
   * as the conditions need them.
   */
  readonly metaBytes: 0 | 8 | 16;
  readonly stateBytes: number;
  /** Bytes from one row to the next. */
  readonly stride: number;
}

/** Floats that `dim` weights take in memory: 1, or a multiple of 4. */
export const lanesOf = (dim: number): number => (dim === 1 ? 1 : (dim + 3) & ~3);

/**
 * The layout of a table's rows, given the optimizer's slots. `eviction`: for exact tables whose rows can be evicted.
 */
export function rowLayout(
  encoding: "hash" | "exact",
  dim: number,
  slots: readonly Slot[],
  precision: RowPrecision = "f32",
  eviction?: EvictionSpec,
): RowLayout {
  const lanes = lanesOf(dim);
  const sections: Section[] = [];
  let stateBytes = 0;
  for (const piece of slots.flatMap((slot, i) => piecesOf(slot, i === 0, lanes, precision))) {
    sections.push({ ...piece, offset: stateBytes });
    stateBytes += bytesOf(piece);
  }
  const keyBytes = encoding === "exact" ? 8 : 0;
  const metaBytes = keyBytes === 0 || !eviction ? 0 : eviction.expire_time && eviction.policy === "lfu" ? 16 : 8;
  const stride = keyBytes + metaBytes + stateBytes;
  return { dim, lanes, precision, sections, keyBytes, metaBytes, stateBytes, stride };
}

type Piece = Omit<Section, "offset">;

function piecesOf(
  { name, shared, packed = "f32" }: Slot,
  first: boolean,
  lanes: number,
  precision: RowPrecision,
): Piece[] {
  if (precision === "f32") return [{ name, type: "f32", count: shared ? Math.min(lanes, 4) : lanes }];
  if (!first) return [{ name, type: packed, count: shared ? 1 : lanes }];
  const codes: Piece = { name, type: precision, count: lanes };
  return isScaled(precision) ? [codes, { name: "scale", type: "bf16", count: 1 }] : [codes];
}

const sizes: Readonly<Record<NumberType, number>> = {
  f32: 4,
  bf16: 2,
  f16: 2,
  "q2.13": 2,
  int8: 1,
  int4: 0.5,
  int2: 0.25,
};

function bytesOf({ type, count }: Piece): number {
  return Math.ceil(sizes[type] * count);
}
