import type { Slot } from "../optim/optimizer.js";

/** One slot's place in a row's state. */
export interface Section {
  readonly name: string;
  /** Floats from the start of the state. */
  readonly offset: number;
  readonly floats: number;
}

/**
 * The bytes of one row: [key u64 (exact tables)] [sections of floats]. `lanes` is 1 for one weight, else `dim` rounded up to
 * a multiple of 4; padding weights are always 0. A shared slot takes 1 float, padded to 4 where lanes > 1.
 */
export interface RowLayout {
  readonly dim: number;
  readonly lanes: number;
  readonly sections: readonly Section[];
  readonly keyBytes: 0 | 8;
  readonly stateFloats: number;
  readonly stateBytes: number;
  /** Bytes from one row to the next. */
  readonly stride: number;
}

/** The layout of a table's rows for an optimizer's slots. */
export function rowLayout(encoding: "hash" | "exact", dim: number, slots: readonly Slot[]): RowLayout {
  const lanes = dim === 1 ? 1 : (dim + 3) & ~3;
  const sections: Section[] = [];
  let stateFloats = 0;
  for (const { name, shared } of slots) {
    const floats = shared ? Math.min(lanes, 4) : lanes;
    sections.push({ name, offset: stateFloats, floats });
    stateFloats += floats;
  }
  const keyBytes = encoding === "exact" ? 8 : 0;
  const stateBytes = stateFloats * 4;
  return { dim, lanes, sections, keyBytes, stateFloats, stateBytes, stride: keyBytes + stateBytes };
}
