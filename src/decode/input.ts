import { HashbrookError } from "../core/errors.js";
import type { Arena } from "./arena.js";

const INPUT_BYTES = 6 << 20;
/** What `room` offers at a time: small enough to stay in the processor's cache. */
const ROOM_BYTES = 256 << 10;
/** How much of a queue's messages is brought at a time: about a partition's turn. */
const BRING_BYTES = 64 << 10;
const NEWLINE = 10;

/**
 * The bytes waiting to be scanned, a window in the kernel's memory: [read, end). Keeps the place in the file.
 * All addresses are the kernel's.
 */
export class ScanInput {
  readonly #memory: WebAssembly.Memory;
  readonly #base: number;
  read: number;
  end: number;
  /** Right after the last newline of the window; not after `read` when there is none. A file's last line is given one. */
  limit: number;
  /** The file ends at `end`. */
  ended = false;
  /** Bytes of the file before `read`. */
  offset = 0;
  /** What `bring` copied last: bytes [from, to) of `source`, to the window's beginning. */
  #all = new Uint8Array(0);
  #brought: { source: Uint8Array; from: number; to: number } | null = null;

  constructor(memory: WebAssembly.Memory, arena: Arena) {
    this.#memory = memory;
    this.#base = arena.take(INPUT_BYTES + 64);
    this.read = this.end = this.limit = this.#base;
  }

  get unread(): number {
    return this.end - this.read;
  }

  /** A view of [at, end), valid until the memory grows or the input moves. */
  bytes(at: number, end: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#memory.buffer, at, end - at);
  }

  /** Where the next bytes may be written; empty after the end of a file until all is read. */
  room(): Uint8Array<ArrayBuffer> {
    if (this.ended && this.unread > 0) return this.bytes(this.end, this.end);
    if (this.unread < ROOM_BYTES / 64 || this.#base + INPUT_BYTES - this.end < ROOM_BYTES) this.#compact();
    return this.bytes(this.end, Math.min(this.end + ROOM_BYTES, this.#base + INPUT_BYTES));
  }

  /** `count` bytes were written into the room. @returns whether they begin a new file */
  commit(count: number): boolean {
    if (this.ended && this.unread > 0)
      throw new HashbrookError("internal", "commit before the last file's rows were scanned");
    const begins = this.ended && count > 0;
    if (begins) this.offset = 0;
    this.ended &&= count === 0;
    const last = this.bytes(this.end, this.end + count).lastIndexOf(NEWLINE);
    if (last >= 0) this.limit = this.end + last + 1;
    this.end += count;
    return begins;
  }

  /** Nothing more comes of this file. A last line without a newline is given one, beyond the end. */
  finish(): void {
    this.ended = true;
    if (this.unread === 0 || this.limit === this.end) return;
    this.bytes(this.end, this.end + 1)[0] = NEWLINE;
    this.limit = this.end + 1;
  }

  /** Writes bytes and a newline at an address. @returns the address */
  write(bytes: Uint8Array, at: number): number {
    const target = this.bytes(at, at + bytes.length + 1);
    target.set(bytes);
    target[bytes.length] = NEWLINE;
    return at;
  }

  /**
   * Brings bytes [start, end) of `source` into the window, with a newline behind them, and those that follow as far as there
   * is room: mostly they are wanted next. @returns the address of the first
   */
  bring(source: Uint8Array, start: number, end: number): number {
    let brought = this.#brought;
    if (!brought || brought.source !== source || start < brought.from || end > brought.to) {
      this.startAt(0);
      brought = { source, from: start, to: Math.min(source.length, Math.max(end, start + BRING_BYTES)) };
      this.#all = new Uint8Array(this.#memory.buffer);
      this.#all.set(source.subarray(start, brought.to), this.#base);
      this.#brought = brought;
    }
    const at = this.#base + start - brought.from;
    this.#all[at + end - start] = NEWLINE;
    return at;
  }

  /** Everything before `at` is done: at most the newline that a last line was given. */
  advance(at: number): void {
    const to = Math.min(at, this.end);
    this.offset += to - this.read;
    this.read = to;
    if (at > this.end) this.limit = this.end;
  }

  /** Empties the window; the next byte stands at `offset` of a file. */
  startAt(offset: number): void {
    this.#brought = null;
    this.read = this.end = this.limit = this.#base;
    this.ended = false;
    this.offset = offset;
  }

  #compact(): void {
    const shift = this.read - this.#base;
    new Uint8Array(this.#memory.buffer).copyWithin(this.#base, this.read, this.end);
    this.read -= shift;
    this.end -= shift;
    this.limit = Math.max(this.#base, this.limit - shift);
  }
}
