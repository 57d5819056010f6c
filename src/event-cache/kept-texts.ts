import { rejectCodes } from "../decode/reject.js";
import type { Notes } from "./notes.js";

/** Bytes before a kept value: its size and kind. */
const VALUE_HEAD = 8;
const CODE = 4;

/** Rows with the texts of wanted columns, in the decoder's format (src/decode/kept-rows.ts). */
export class KeptTexts {
  private readonly wanted: readonly string[];
  private readonly most: number;
  /** The current block's: one per row, rejected ones included, in stream order. */
  private rows: readonly Uint8Array[] = [];
  private list: Uint8Array[] = [];
  private size = 0;

  /** @param most bytes after which the rows must be taken */
  constructor(wanted: readonly string[], most: number) {
    this.wanted = wanted;
    this.most = most;
  }

  /** Goes to a block. @param kept its texts, of the columns `there` */
  open(kept: () => Uint8Array, there: readonly string[], rows: number, { rejects }: Notes): void {
    this.rows = this.wanted.length > 0 ? parted(kept(), there, this.wanted) : codesOf(rows, rejects);
  }

  get full(): boolean {
    return this.size > this.most;
  }

  /** How many of `count` rows of the block, from number `from` on, fit until the rows must be taken. */
  fits(from: number, count: number): number {
    let size = this.size;
    for (let i = 0; i < count; i++) {
      size += this.rows[from + i].length;
      if (size > this.most) return i + 1;
    }
    return count;
  }

  add(from: number, count: number): void {
    for (const row of this.rows.slice(from, from + count)) {
      this.list.push(row);
      this.size += row.length;
    }
  }

  take(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.size);
    let at = 0;
    for (const row of this.list) {
      bytes.set(row, at);
      at += row.length;
    }
    this.list = [];
    this.size = 0;
    return bytes;
  }
}

/** Rows of which only the reject codes are wanted. */
function codesOf(rows: number, rejects: Notes["rejects"]): Uint8Array[] {
  const list: Uint8Array[] = [];
  const code = (number: number) => new Uint8Array(Uint32Array.of(number).buffer);
  const accepted = code(0);
  for (const [i, { code: name, before }] of rejects.entries()) {
    while (list.length - i < before) list.push(accepted);
    list.push(code(rejectCodes.indexOf(name) + 1));
  }
  while (list.length < rows + rejects.length) list.push(accepted);
  return list;
}

/** Converts rows with columns `there` to rows with columns `wanted`. */
function parted(bytes: Uint8Array, there: readonly string[], wanted: readonly string[]): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const rows: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const code = bytes.subarray(at, at + CODE);
    const values = new Map<string, Uint8Array>();
    at += CODE;
    for (const name of there) {
      const end = at + VALUE_HEAD + view.getUint32(at, true);
      values.set(name, bytes.subarray(at, end));
      at = end;
    }
    rows.push(Buffer.concat([code, ...wanted.map((name) => values.get(name)!)]));
  }
  return rows;
}
