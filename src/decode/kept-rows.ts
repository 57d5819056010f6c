import { isObject, numbersAsTexts } from "../core/json.js";
import { constantOf } from "../kernels/layouts.js";
import type { ScanKernel } from "./kernel.js";
import { type RejectCode, RejectList } from "./reject.js";

/** The kind of a kept value: missing, text, or JSON as it was written (a number, an array, …). */
export type KeptKind = "missing" | "text" | "json";

export interface KeptValue {
  readonly kind: KeptKind;
  readonly text: string;
}

/** A row as kept by the decoder. In a rejected row, all values are missing if they could not be separated. */
export interface KeptRow {
  readonly rejected: RejectCode | null;
  readonly values: readonly KeptValue[];
}

/** The kept rows at address `at` of the kernel's memory, which holds a limited number. */
export class KeptBytes {
  private readonly kernel: ScanKernel;
  private readonly memory: WebAssembly.Memory;
  private readonly at: number;
  private readonly pieces: Uint8Array[] = [];

  constructor(kernel: ScanKernel, memory: WebAssembly.Memory, at: number) {
    this.kernel = kernel;
    this.memory = memory;
    this.at = at;
  }

  /** Makes room for another row, for callers that do not take the rows when the space is used up. */
  makeRoom(): void {
    if (this.kernel.keptFull()) this.pieces.push(this.takeLast());
  }

  take(): Uint8Array<ArrayBuffer> {
    const last = this.takeLast();
    const pieces = this.pieces.splice(0);
    return pieces.length === 0 ? last : Uint8Array.from(Buffer.concat([...pieces, last]));
  }

  private takeLast(): Uint8Array<ArrayBuffer> {
    const end = this.kernel.takeKept() >>> 0;
    return new Uint8Array(this.memory.buffer, this.at, end - this.at).slice();
  }
}

/**
 * The rows in `bytes`, as `Decoder.take` hands them over, in the order of the stream.
 * @param columns values of a row
 */
export function* keptRows(bytes: Uint8Array, columns: number): Generator<KeptRow> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kinds = kindsOfSlots();
  const features = constantOf("scan", "FEATURES");
  const ofField = constantOf("scan", "FIELD_FEATURES");
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; ) {
    const code = view.getUint32(at, true);
    const values: KeptValue[] = [];
    at += 4;
    for (let i = 0; i < columns; i++) {
      const start = at + 8;
      const end = start + view.getUint32(at, true);
      const kind = view.getUint32(at + 4, true);
      const written = text.toString("utf8", start, end);
      const value = kind === features ? written.trimEnd() : kind === ofField ? featuresOfField(written) : written;
      values.push({ kind: kinds.get(kind) ?? "text", text: value });
      at = end;
    }
    yield { rejected: code === 0 ? null : RejectList.codeOf(code), values };
  }
}

/**
 * The items of a kept list in JSON, without their weights, as the texts that are hashed: of `[item, …]`, `[[item,
 * weight], …]` or `{item: weight, …}`.
 */
export function itemTexts(json: string): string[] {
  const items: unknown = JSON.parse(numbersAsTexts(json));
  if (isObject(items)) return Object.keys(items);
  return [items].flat().map((item) => String((Array.isArray(item) ? item[0] : item) ?? ""));
}

/** The words of a libffm line from a field's first to its last one, reduced to those of the field, without its name. */
function featuresOfField(text: string): string {
  const field = text.slice(0, text.indexOf(":") + 1);
  const words = text.split(/[ \t]+/).filter((word) => word.startsWith(field));
  return words.map((word) => word.slice(field.length)).join(" ");
}

/** The kernel's kinds of slots that hold no plain text. */
function kindsOfSlots(): Map<number, KeptKind> {
  const kind = (name: string) => constantOf("scan", name);
  const json = ["NUMBER", "BOOLEAN", "ARRAY", "OBJECT"].map((name) => [kind(name), "json"] as const);
  return new Map<number, KeptKind>([[kind("MISSING"), "missing"], ...json]);
}
