import { deflateRawSync, inflateRawSync } from "node:zlib";
import type { Findings, Place, Reject } from "../decode/decoder.js";
import type { ColumnMemory } from "../kernels/column.js";
import { opaqueSection, type Section } from "./columns.js";

/** A malformed row of a block, as stored in its notes. */
export interface KeptReject extends Omit<Reject, "bytes"> {
  /** base64 */
  readonly bytes: string;
  /** Rows of the block before it, and the position after it. */
  readonly before: number;
  readonly end: Place;
}

/** The metadata of a block, beside its columns. */
export interface Notes {
  readonly rejects: readonly KeptReject[];
  readonly findings: Findings;
}

/** The section of a block that holds its notes. */
export const notesSection = (notes: Notes): Uint8Array => opaqueSection(deflateRawSync(JSON.stringify(notes)));

/** The notes in a section that lies in memory. */
export function notesIn(memory: ColumnMemory, { values, count }: Section): Notes {
  return JSON.parse(inflateRawSync(memory.bytes(values, count).slice()).toString()) as Notes;
}

/** Malformed rows as stored. @param marks by row, where it stands */
export function keptRejects(
  rejects: readonly Reject[],
  marks: readonly { before: number; end: Place }[],
): KeptReject[] {
  return rejects.map(({ bytes, ...reject }, i) => ({
    ...reject,
    bytes: Buffer.from(bytes).toString("base64"),
    ...marks[i],
  }));
}
