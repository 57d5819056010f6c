import { type RejectCode, RejectList } from "./reject.js";

/** What stands behind a kept text: nothing, text, or JSON as it was written (a number, an array, …). */
export type KeptKind = "missing" | "text" | "json";

export interface KeptValue {
  readonly kind: KeptKind;
  readonly text: string;
}

/** A row as the decoder kept it: of a rejected one all values are missing where they could not be told apart. */
export interface KeptRow {
  readonly rejected: RejectCode | null;
  readonly values: readonly KeptValue[];
}

/** Kinds of the kernel's slots (src/kernels/assembly/scan/plan.ts). */
const MISSING = 0;
const FEATURES = 6;
const JSON_KINDS = new Set([2, 3, 5, 7]);

/** The rows in `bytes`, as `Decoder.take` hands them over, in the order of the stream. @param columns values of a row */
export function* keptRows(bytes: Uint8Array, columns: number): Generator<KeptRow> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; ) {
    const code = view.getUint32(at, true);
    const values: KeptValue[] = [];
    at += 4;
    for (let i = 0; i < columns; i++) {
      const start = at + 8;
      const end = start + view.getUint32(at, true);
      const kind = view.getUint32(at + 4, true);
      const value = text.toString("utf8", start, end);
      values.push({ kind: kindOf(kind), text: kind === FEATURES ? value.trimEnd() : value });
      at = end;
    }
    yield { rejected: code === 0 ? null : RejectList.codeOf(code), values };
  }
}

function kindOf(kind: number): KeptKind {
  return kind === MISSING ? "missing" : JSON_KINDS.has(kind) ? "json" : "text";
}
