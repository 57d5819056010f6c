import { HashbrookError } from "../core/errors.js";
import type { Arena } from "./arena.js";

/** Size of the window from the first row on that does not fit into FIRST_INPUT_BYTES. */
const INPUT_BYTES = 6 << 20;
/** Memory that nothing is written to is not for free: V8 collects garbage whenever 64 MB of it, used or not, were allocated. */
export const FIRST_INPUT_BYTES = 1 << 20;
/** Size of `room`: small enough to stay in the processor's cache. */
const ROOM_BYTES = 256 << 10;
/** How many bytes of a queue's messages are copied at a time: about a partition's turn. */
const BRING_BYTES = 64 << 10;
const NEWLINE = 10;

/**
 * The bytes waiting to be scanned: a window [read, end) of the kernel's memory, which also tracks the position in the
 * file. All addresses are the kernel's.
 */
export class ScanInput {
  private readonly memory: WebAssembly.Memory;
  private readonly arena: Arena;
  private readonly enlargeScratch: () => void;
  private base: number;
  private size = FIRST_INPUT_BYTES;
  read: number;
  end: number;
  /** After the window's last newline; at most `read` if there is none. A last line without a newline is given one. */
  limit: number;
  /** Whether the file ends at `end`. */
  ended = false;
  /** Bytes of the file before `read`. */
  offset = 0;
  /** What `bring` copied last: bytes [from, to) of `source`, to the beginning of the window. */
  private all = new Uint8Array(0);
  private brought: { source: Uint8Array; from: number; to: number } | null = null;

  /** @param enlargeScratch gives the kernel space for the unescaped text of the longest row */
  constructor(memory: WebAssembly.Memory, arena: Arena, enlargeScratch: () => void) {
    this.memory = memory;
    this.arena = arena;
    this.enlargeScratch = enlargeScratch;
    this.base = arena.take(FIRST_INPUT_BYTES + 64);
    this.read = this.end = this.limit = this.base;
  }

  get unread(): number {
    return this.end - this.read;
  }

  /** A view of [at, end), valid until the memory grows or the input moves. */
  bytes(at: number, end: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.memory.buffer, at, end - at);
  }

  /** Where the next bytes may be written; after the end of a file, empty until everything is read. */
  room(): Uint8Array<ArrayBuffer> {
    if (this.ended && this.unread > 0) return this.bytes(this.end, this.end);
    if (this.unread < ROOM_BYTES / 64 || this.free < ROOM_BYTES) this.moveTo(this.base);
    if (this.free < ROOM_BYTES) this.enlarge();
    return this.bytes(this.end, this.end + Math.min(ROOM_BYTES, this.free));
  }

  /** Call after writing `count` bytes into the room. @returns whether they begin a new file */
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

  /** The file is complete. A last line without a newline is given one, beyond the end. */
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
   * Copies bytes [start, end) of `source` into the window, followed by a newline, along with as many of the following
   * bytes as fit, since they are usually wanted next. @returns the address of the first
   */
  bring(source: Uint8Array, start: number, end: number): number {
    let brought = this.brought;
    if (!brought || brought.source !== source || start < brought.from || end > brought.to) {
      if (end - start > this.size) this.enlarge();
      this.startAt(0);
      brought = { source, from: start, to: Math.min(source.length, Math.max(end, start + BRING_BYTES)) };
      this.all = new Uint8Array(this.memory.buffer);
      this.all.set(source.subarray(start, brought.to), this.base);
      this.brought = brought;
    }
    const at = this.base + start - brought.from;
    this.all[at + end - start] = NEWLINE;
    return at;
  }

  /** Everything before `at` has been processed (`at` may include the newline added to a last line). */
  advance(at: number): void {
    const to = Math.min(at, this.end);
    this.offset += to - this.read;
    this.read = to;
    if (at > this.end) this.limit = this.end;
  }

  /** Empties the window; the next byte is at `offset` of a file. */
  startAt(offset: number): void {
    this.brought = null;
    this.read = this.end = this.limit = this.base;
    this.ended = false;
    this.offset = offset;
  }

  /** Makes the window, and the scratch, as large as the longest row needs. Moves the unread bytes. */
  enlarge(): void {
    if (this.size === INPUT_BYTES) return;
    this.enlargeScratch();
    this.moveTo(this.arena.take(INPUT_BYTES + 64));
    this.size = INPUT_BYTES;
  }

  private get free(): number {
    return this.base + this.size - this.end;
  }

  private moveTo(base: number): void {
    const shift = this.read - base;
    new Uint8Array(this.memory.buffer).copyWithin(base, this.read, this.end);
    this.base = base;
    this.read -= shift;
    this.end -= shift;
    this.limit = Math.max(base, this.limit - shift);
  }
}
