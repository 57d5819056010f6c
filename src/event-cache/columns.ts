import type { BatchLayout } from "../core/batch.js";
import { offsetOf, structOf } from "../kernels/layouts.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { type CrossCell, crossCells } from "../spec/cross-parts.js";

/** The kernel's numbers of section encodings (src/kernels/assembly/column/section.ts). */
export const codecs = {
  constant: 0,
  nibbles: 1,
  bytes: 2,
  words: 3,
  raw: 4,
  steps8: 5,
  steps16: 6,
  steps32: 7,
  opaque: 8,
  cross: 9,
} as const;

/** A column of a batch: one element per row. */
export interface ColumnPart {
  /** Offset of the first row's element in the batch, and the stride in bytes. */
  readonly to: number;
  readonly stride: number;
  /** Bytes per element; above 8 the column is stored uncompressed. */
  readonly width: number;
  /** Its elements are whole numbers close to each other. */
  readonly whole?: true;
  /** Its elements are keys of a cross: they need not be stored. */
  readonly cross?: CrossCell;
}

/** The columns of a batch's rows, in the order of a block's sections; each bag's lengths, keys and weights follow. */
export function columnsOf(spec: CompiledSpec, layout: BatchLayout): ColumnPart[] {
  const { labels, weights, times, ids, oracle, numbers, numberCount, vectors, vectorWidth, keys } = layout;
  const side = (to: number, count: number, width: number): ColumnPart[] =>
    Array.from({ length: count }, (_, i) => ({ to: to + i * width, stride: count * width, width }));
  const crosses = crossCells(spec);
  const keysOf = (t: number): ColumnPart[] =>
    side(keys[t].offset, keys[t].singles, 8).map((part, i) => {
      const cross = crosses[t][i];
      return cross ? { ...part, cross } : part;
    });
  return [
    { to: labels, stride: 4, width: 4 },
    { to: weights, stride: 4, width: 4 },
    { to: times, stride: 8, width: 8, whole: true },
    { to: ids, stride: 8, width: 8 },
    { to: oracle, stride: 4, width: 4 },
    ...side(numbers, numberCount, 4),
    ...(vectorWidth > 0 ? side(vectors, 1, 4 * vectorWidth) : []),
    ...keys.flatMap((_, t) => keysOf(t)),
  ];
}

/** A section in memory. */
export interface Section {
  readonly codec: number;
  readonly count: number;
  /** Addresses. */
  readonly values: number;
  readonly codes: number;
  readonly end: number;
}

export const HEAD_BYTES = structOf("column", "Head").size;
const at = (name: string): number => offsetOf("column", "Head", name);
const CODEC = at("codec");
const COUNT = at("count");
const VALUES = at("values");
const SIZE = at("size");
const filled = (bytes: number): number => (bytes + 15) & ~15;

/** Reads the head of the section at an address. @param width bytes of its elements */
export function sectionAt(view: DataView, address: number, width: number): Section {
  const codec = view.getUint8(address + CODEC);
  const values = address + HEAD_BYTES;
  const codes = values + filled(view.getUint32(address + VALUES, true) * width);
  const count = view.getUint32(address + COUNT, true);
  return { codec, count, values, codes, end: values + view.getUint32(address + SIZE, true) };
}

/** Whether every element takes two bytes or more: those of a cross are better computed from its parts. */
export const isWide = (section: Uint8Array): boolean =>
  section[CODEC] === codecs.words || section[CODEC] === codecs.raw;

/** A section of a cross's keys, which are not stored. */
export function crossSection(count: number): Uint8Array {
  const section = new Uint8Array(HEAD_BYTES);
  section[CODEC] = codecs.cross;
  new DataView(section.buffer).setUint32(COUNT, count, true);
  return section;
}

/** A section read only by the host. */
export function opaqueSection(bytes: Uint8Array): Uint8Array {
  const section = new Uint8Array(HEAD_BYTES + filled(bytes.length));
  const view = new DataView(section.buffer);
  view.setUint8(CODEC, codecs.opaque);
  view.setUint32(COUNT, bytes.length, true);
  view.setUint32(SIZE, filled(bytes.length), true);
  section.set(bytes, HEAD_BYTES);
  return section;
}
