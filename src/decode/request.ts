import { isUtf8 } from "node:buffer";
import { Batch } from "../core/batch.js";
import { HashbrookError } from "../core/errors.js";
import { offsetOf, structOf } from "../kernels/layouts.js";
import type { Arena } from "./arena.js";
import type { ScanInput } from "./input.js";
import { REQUEST, type ScanKernel } from "./kernel.js";
import type { ScanPlan } from "./plan.js";
import { MAX_ROW, type RejectCode, RejectList } from "./reject.js";
import type { RequestCursor } from "./request-cursor.js";
import { TensorRows } from "./tensor-rows.js";
import { leafPaths } from "./unknown-members.js";

export { RequestCursor } from "./request-cursor.js";

/** The first part of a request that could not be decoded; candidate -1 = the context. */
export interface RequestFailure {
  readonly candidate: number;
  readonly code: RejectCode;
  readonly column: string;
}

/** Space for the names of members that no field reads: some 600 of them. */
const UNKNOWN_BYTES = 16 << 10;
const SEEN_BYTES = 256 * 8;
/** The largest window of a body. */
const WINDOW_BYTES = 5 << 20;
const EMPTY_OBJECT = new TextEncoder().encode("{}");

/**
 * Reads score requests (JSON) into rows of one batch: a row per candidate, with the context's members, at every depth
 * replaced or extended by the candidate's own. Numbers keep their text, so they are hashed just as in training.
 */
export class RequestReader {
  private readonly kernel: ScanKernel;
  private readonly memory: WebAssembly.Memory;
  private readonly plan: ScanPlan;
  private readonly input: ScanInput;
  private readonly unknown: number;
  /** Address of the body's bytes. */
  private readonly base: number;
  /** Reads binary tensors into the same batch. */
  readonly tensors: TensorRows;

  constructor(kernel: ScanKernel, memory: WebAssembly.Memory, plan: ScanPlan, input: ScanInput, arena: Arena) {
    this.kernel = kernel;
    this.memory = memory;
    this.plan = plan;
    this.input = input;
    input.enlarge();
    this.base = input.read;
    this.unknown = arena.take(UNKNOWN_BYTES);
    this.tensors = new TensorRows(kernel, plan, input, arena);
    kernel.openUnknown(this.unknown, this.unknown + UNKNOWN_BYTES, arena.take(SEEN_BYTES));
  }

  /** Maximum number of rows. */
  get capacity(): number {
    return this.plan.layout.capacity;
  }

  /** The rows read, a view that is valid until the next read. */
  batch(rows: number): Batch {
    return new Batch(this.plan.layout, rows, this.memory.buffer, this.plan.region);
  }

  /**
   * Reads further candidates of a request into rows `row` to before `most`, without creating objects.
   * @returns rows read, at least 1; undefined if the request is unusual: read it with `readParts`, which reports what
   * is wrong
   */
  read(cursor: RequestCursor, row: number, most: number): number | undefined {
    if (!cursor.opened && !isUtf8(cursor.body)) return undefined;
    for (let bytes = cursor.bytesFor(most - row); ; bytes *= 4) {
      const whole = cursor.rest <= bytes;
      if (!whole && bytes > WINDOW_BYTES) return undefined;
      const rows = cursor.rest <= WINDOW_BYTES || !whole ? this.readFrom(cursor, row, most, bytes) : undefined;
      this.kernel.takeUnknown();
      if (rows !== undefined || whole) return rows;
    }
  }

  /**
   * Reads a context and candidates, raw JSON objects of at most 2 MiB each, into rows from `row` on.
   * @returns the first failure
   * @throws HashbrookError request_invalid when there are more candidates than rows
   */
  readParts(context: Uint8Array, candidates: readonly Uint8Array[], row = 0): RequestFailure | undefined {
    if (candidates.length > this.capacity - row) {
      const message = `${candidates.length} candidates exceed the limit of ${this.capacity - row}`;
      throw new HashbrookError("request_invalid", message);
    }
    const failure = this.firstFailure(context, candidates, row);
    this.kernel.takeUnknown();
    return failure;
  }

  private firstFailure(
    context: Uint8Array,
    candidates: readonly Uint8Array[],
    row: number,
  ): RequestFailure | undefined {
    const kernel = this.kernel;
    const { slotsCopy, places } = this.plan;
    const part = (candidate: number, bytes: Uint8Array, at: number, read: (end: number) => number) => {
      const fail = (code: RejectCode, column = "") => ({ candidate, code, column });
      if (bytes.length > MAX_ROW / 2) return fail("row_too_long");
      const end = this.input.write(bytes, at) + bytes.length;
      if (!kernel.isUtf8(at, end)) return fail("bad_utf8");
      const code = read(end);
      return code ? fail(RejectList.codeOf(code), places.nameOf(kernel.getFailedSlot() >>> 0)) : undefined;
    };
    const start = this.base;
    const after = start + context.length + 1;
    let failure = part(-1, context, start, (end) => kernel.readContext(start, end, slotsCopy));
    for (let i = 0; i < candidates.length && !failure; i++) {
      failure = part(i, candidates[i], after, (end) => kernel.readCandidate(after, end, slotsCopy, row + i));
    }
    return failure;
  }

  /** Reads the next `bytes` bytes, which may end within a candidate. */
  private readFrom(cursor: RequestCursor, row: number, most: number, bytes: number): number | undefined {
    const kernel = this.kernel;
    const start = cursor.opened ? this.lay(cursor.context ?? EMPTY_OBJECT, this.base) : this.base;
    const end = this.lay(cursor.body.subarray(cursor.next, cursor.next + bytes), start);
    const at = cursor.opened ? this.again(start) : this.open(cursor, start, end);
    if (at === undefined) return cursor.reopen();
    const status = kernel.readCandidates(at, this.plan.slotsCopy, row, most);
    this.takeUnknown(cursor);
    const rows = (kernel.getNextRow() >>> 0) - row;
    const whole = cursor.next + end - start === cursor.body.length;
    if (status === REQUEST.odd && (whole || rows === 0)) return cursor.reopen();
    cursor.advance((kernel.getNextAt() >>> 0) - start, rows, status === REQUEST.last);
    return cursor.ended && !this.ends(cursor) ? undefined : rows;
  }

  /**
   * Finds the members of a body, of which [start, end) is present, and reads the context. @returns where candidates
   * begin
   */
  private open(cursor: RequestCursor, start: number, end: number): number | undefined {
    const kernel = this.kernel;
    const found = kernel.openRequest(start, end);
    if (found === REQUEST.odd) return undefined;
    const at = kernel.getNextAt() >>> 0;
    const contextEnd = kernel.getContextEnd() >>> 0;
    const contextAt = contextEnd ? kernel.getContextAt() >>> 0 : end + 1;
    const context = contextEnd ? ([contextAt - start, contextEnd - start] as const) : null;
    cursor.open(context, this.options(start), found === REQUEST.last);
    const to = contextEnd || this.lay(EMPTY_OBJECT, contextAt);
    const failed = this.tooLong(cursor.context) || kernel.readContext(contextAt, to, this.plan.slotsCopy);
    return failed ? undefined : at;
  }

  /** Reads the context, which ends where candidates begin. */
  private again(start: number): number | undefined {
    return this.kernel.readContext(this.base, start, this.plan.slotsCopy) ? undefined : start;
  }

  /** Whether what follows the last candidate is valid. */
  private ends(cursor: RequestCursor): boolean {
    if (cursor.verified) return true;
    const rest = cursor.body.subarray(cursor.next);
    if (rest.length > WINDOW_BYTES) return false;
    const end = this.lay(rest, this.base);
    if (!this.kernel.endRequest(this.base, end, cursor.options === undefined)) return false;
    cursor.tell(this.options(this.base - cursor.next));
    return true;
  }

  /** Position in the body of the options that the kernel found; `start` is the body's address. */
  private options(start: number): readonly [number, number] | null {
    const end = this.kernel.getOptionsEnd() >>> 0;
    return end ? [(this.kernel.getOptionsAt() >>> 0) - start, end - start] : null;
  }

  private tooLong(context: Uint8Array | null): boolean {
    return context !== null && context.length > MAX_ROW / 2;
  }

  /** Writes bytes at an address, followed by a zero. @returns the zero's address */
  private lay(bytes: Uint8Array, at: number): number {
    const target = this.input.bytes(at, at + bytes.length + 1);
    target.set(bytes);
    target[bytes.length] = 0;
    return at + bytes.length;
  }

  private takeUnknown(cursor: RequestCursor): void {
    const bytes = this.kernel.takeUnknown();
    if (bytes > 0) this.nameUnknown(cursor, bytes);
  }

  /** Adds the listed names; if the list is full, some may be missing. */
  private nameUnknown(cursor: RequestCursor, bytes: number): void {
    const view = new DataView(this.memory.buffer);
    const { size } = structOf("scan", "UnknownMember");
    if (bytes + size > UNKNOWN_BYTES) cursor.unlisted = true;
    for (let at = this.unknown; at < this.unknown + bytes; at += size) {
      const read = (field: string) => view.getUint32(at + offsetOf("scan", "UnknownMember", field), true);
      const json = (from: string, to: string, more = 0): unknown =>
        JSON.parse(Buffer.from(this.memory.buffer, read(from) - more, read(to) - read(from) + 2 * more).toString());
      const parent = this.plan.paths.get(read("parent"));
      const name = `${parent ? `${parent}.` : ""}${json("name", "nameEnd", 1)}`;
      const prefix = read("inCandidate") ? "candidates[]." : "context.";
      for (const path of leafPaths(json("value", "valueEnd"), prefix + name)) cursor.unknown.add(path);
    }
  }
}
