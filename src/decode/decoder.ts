import { Batch, type BatchLayout, type Room } from "../core/batch.js";
import { HashbrookError } from "../core/errors.js";
import { type CompiledSpec, type Format, isBinary, isDelimited } from "../spec/compiled.js";
import { Arena } from "./arena.js";
import { BinaryEvents } from "./binary-events.js";
import { rejectOf } from "./expected.js";
import { checkHeader, columnsOfMessages, headerLine, headerNames } from "./header.js";
import { ScanInput } from "./input.js";
import { LINE_FORMAT, type ScanKernel, STATUS, scanKernel } from "./kernel.js";
import { LongRow } from "./long-row.js";
import { MarkList } from "./marks.js";
import { notLines } from "./not-lines.js";
import type { DecoderOptions, Place, Taken } from "./options.js";
import { sourcesOf } from "./places.js";
import { layPlan, type ScanPlan } from "./plan.js";
import { copyRegion } from "./region.js";
import { MAX_REJECT_BYTES, MAX_ROW, type Reject, RejectList, ROW_TOO_LONG } from "./reject.js";
import { RequestReader } from "./request.js";
import { type Findings, Sampler } from "./sampler.js";
import { shortText } from "./values.js";

export type { DecoderOptions, Place, Taken } from "./options.js";
export type { Reject, RejectCode } from "./reject.js";
export type { RequestFailure, RequestReader } from "./request.js";
export type { Constant, Findings } from "./sampler.js";

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/**
 * Bytes → batches: finds the rows, parses and hashes their values into the batch's region and refuses malformed ones,
 * all in the kernel. Use: write into `room`, `commit`, `scan`; `take` when the batch is full; `endFile` after a file.
 * The batches do not depend on how the input is cut into chunks.
 */
export class Decoder {
  readonly layout: BatchLayout;
  /** The file's first line must be scanned (`scan(0)`) before `startAt` can go to the middle of it. */
  readonly needsHeader: boolean;
  readonly #spec: CompiledSpec;
  readonly #format: Format;
  /** Absent: rows are separated values. */
  readonly #lineFormat: number | undefined;
  readonly #memory: WebAssembly.Memory;
  readonly #kernel: ScanKernel;
  readonly #plan: ScanPlan;
  readonly #arena: Arena;
  #requests: RequestReader | undefined;
  /** What reads events that are no lines of text, and wants to know their schemas. */
  readonly schemas: BinaryEvents | undefined;
  readonly #input: ScanInput;
  /** Columns and paths that an event must be able to have. */
  readonly #needed: readonly string[];
  #rejects = new RejectList();
  /** Lines of the file before the next byte. */
  #row = 0;
  #atStart = true;
  /** Of the file at hand; 0: not known yet. */
  #columns = 0;
  #tooLong: LongRow | undefined;
  readonly #sampler: Sampler | undefined;
  readonly #marks: MarkList | undefined;

  constructor(spec: CompiledSpec, options: DecoderOptions) {
    const { capacity, format = spec.events.format, requireLabel = true, distinct = requireLabel } = options;
    const { kept = null, watch = requireLabel, unlabelled = false, marks = false, everyType = false } = options;
    const { memory, kernel } = scanKernel();
    const arena = new Arena(memory, kernel.heapBase());
    const fields = spec.fields.flatMap((field) => ("from" in field ? [field.from] : []));
    this.#spec = spec;
    [this.#format, this.#memory, this.#kernel, this.#arena] = [format, memory, kernel, arena];
    const plan = { capacity, format, requireLabel, unlabelled, everyType, distinct, kept, watch, marks };
    this.#plan = layPlan(spec, plan, kernel, arena);
    this.layout = this.#plan.layout;
    this.#input = new ScanInput(memory, arena);
    if (isBinary(format)) this.schemas = new BinaryEvents(spec.events, kernel, arena, this.#plan.places);
    if (marks) this.#marks = new MarkList(memory, this.#plan.marks, capacity);
    if (watch)
      this.#sampler = new Sampler(memory, kernel, this.#plan.places, unlabelled ? null : spec.label.from, format);
    const needed = requireLabel ? sourcesOf(spec, format) : fields;
    this.#needed = [...new Set([...(unlabelled ? needed.slice(1) : needed), ...(kept ?? [])])];
    this.#lineFormat = isDelimited(format) || isBinary(format) ? undefined : LINE_FORMAT[format];
    this.needsHeader = isDelimited(format) && (options.header ?? spec.events.header);
    if (isDelimited(format) && !this.needsHeader) this.#nameColumns(spec.events.columns);
  }

  /** Rows decoded and not taken yet. */
  get rows(): number {
    return this.#kernel.getRows();
  }

  /** Bytes of the decompressed file, and its lines, before the next row to read. */
  get place(): Place {
    return { offset: this.#input.offset, row: this.#row };
  }

  /** Where the source may write its next bytes (a view of the kernel's memory); empty while a finished file is not scanned to its end. */
  room(): Uint8Array<ArrayBuffer> {
    return this.#input.room();
  }

  /** `count` bytes were written into `room`. The first ones after `endFile` begin a new file. */
  commit(count: number): void {
    if (this.#tooLong && this.#input.ended)
      throw new HashbrookError("internal", "commit before the last file was scanned to its end");
    if (this.#input.commit(count)) this.#beginAt(0, 0);
  }

  /** The end of a file: a last line without a newline is a row. */
  endFile(): void {
    this.#input.finish();
  }

  /**
   * Starts in the middle of a file: the next byte is at `offset`, `row` lines before it. What was not scanned is dropped,
   * rows not taken stay. The columns of a file with a header are those of the header last read.
   * @throws HashbrookError internal when a header is needed and none has been read
   */
  startAt(offset: number, row: number): void {
    if (offset > 0 && this.needsHeader && this.#columns === 0)
      throw new HashbrookError("internal", "startAt before the file's header was read");
    this.#input.startAt(offset);
    this.#tooLong = undefined;
    this.#beginAt(offset, row);
  }

  #beginAt(offset: number, row: number): void {
    this.#row = row;
    this.#atStart = offset === 0;
  }

  /**
   * Scans until the batch holds `wanted` rows (default and at most: the capacity) or the input is used up. A batch is full
   * early after 10,000 rejects.
   * @throws HashbrookError source_unreadable when the header lacks a needed column, or the format has no lines
   */
  scan(wanted = this.layout.capacity): "full" | "more" {
    if (this.schemas) throw notLines(this.#format);
    const capacity = Math.min(wanted, this.layout.capacity);
    while (true) {
      if (this.#atStart && !this.#beginFile()) return "more";
      if (this.#kernel.getRows() >= capacity || this.#rejects.full) return "full";
      if (this.#tooLong && !this.#skipTooLong()) return "more";
      const status = this.#scanOnce(capacity);
      if (status === STATUS.full) return "full";
      if (status === STATUS.more && !this.#beginTooLong()) return "more";
    }
  }

  /** One call of the kernel. A reject is noted. */
  #scanOnce(capacity: number): number {
    const { read, end, limit, ended, offset } = this.#input;
    const kernel = this.#kernel;
    if (limit <= read) return STATUS.more;
    kernel.setCursor(read);
    this.#sampler?.begin(read, limit);
    const status =
      this.#lineFormat === undefined
        ? kernel.scanDelimited(limit, end, ended, capacity)
        : kernel.scanLines(limit, capacity, this.#lineFormat);
    if (status === STATUS.reject) this.#reject(offset - read);
    else if (kernel.getRows() > 0) this.#sampler?.look();
    this.#input.advance(kernel.getCursor());
    this.#marks?.collect(kernel.getRows(), offset - read, this.#row, this.#input.offset);
    this.#row += kernel.getLines();
    if (status === STATUS.reject) this.#marks?.reject(kernel.getRows(), this.place);
    return status;
  }

  /** Notes the kernel's last rejected row. @param shift from addresses to offsets in the file */
  #reject(shift: number): void {
    const kernel = this.#kernel;
    const start = kernel.getRowStart() >>> 0;
    const length = (kernel.getRowEnd() >>> 0) - start;
    const bytes = this.#input.bytes(start, start + Math.min(length, MAX_REJECT_BYTES)).slice();
    const row = this.#row + kernel.getRowLine() + 1;
    const slot = kernel.getFailedSlot() >>> 0;
    const column = this.#plan.places.nameOf(slot);
    const value = slot ? shortText(this.#memory.buffer, slot) : null;
    kernel.keepRow(kernel.getCode());
    this.#add(kernel.getCode(), { column, value, offset: start + shift, row, bytes, length });
  }

  /** @param code the kernel's */
  #add(code: number, row: Omit<Reject, "code" | "expected">): void {
    const columns = this.#columns;
    this.#rejects.add(rejectOf(RejectList.codeOf(code), row, { spec: this.#spec, format: this.#format, columns }));
  }

  /** Passes the byte order mark and the header. @returns false when they are not complete yet */
  #beginFile(): boolean {
    const input = this.#input;
    const first = input.bytes(input.read, input.end).subarray(0, 3);
    const marked = first.every((byte, i) => byte === BYTE_ORDER_MARK[i]);
    if (first.length < 3 && marked && !input.ended) return false;
    if (this.needsHeader && input.limit <= input.read && !input.ended) {
      if (input.unread > MAX_ROW) throw new HashbrookError("source_unreadable", "header: longer than 4 MiB");
      return false;
    }
    if (first.length === 3 && marked) input.advance(input.read + 3);
    if (this.needsHeader && input.unread > 0) this.#readHeader();
    this.#atStart = false;
    return true;
  }

  #readHeader(): void {
    const input = this.#input;
    const length = input.bytes(input.read, input.limit).indexOf(10);
    const line = headerLine(input.bytes(input.read, input.read + length));
    const names = headerNames(line, this.#spec.events.separator, this.#format === "csv");
    checkHeader(names, this.#needed);
    this.#nameColumns(names);
    input.advance(input.read + length + 1);
    this.#row += 1;
  }

  #nameColumns(names: readonly string[]): void {
    this.#plan.setColumns(names);
    this.#columns = names.length;
  }

  /** Begins to pass over a row that is too long to be kept until its end comes. @returns whether there is one */
  #beginTooLong(): boolean {
    this.#tooLong = LongRow.at(this.#input);
    return this.#tooLong !== undefined;
  }

  /** @returns false when the row's end has not come yet */
  #skipTooLong(): boolean {
    const passed = this.#tooLong!.skip(this.#input);
    if (!passed) return false;
    this.#row += 1;
    this.#tooLong = undefined;
    this.#addTooLong(this.#row, passed);
    this.#marks?.reject(this.rows, this.place);
    return true;
  }

  #addTooLong(row: number, passed: Pick<Reject, "bytes" | "offset" | "length">): void {
    this.#kernel.keepRow(ROW_TOO_LONG);
    this.#add(ROW_TOO_LONG, { column: "", value: null, row, ...passed });
  }

  /**
   * Takes the rows decoded so far (any number up to the capacity) and the rejects among them.
   * @param into where the batch goes: a buffer of an earlier one to use again, or a part of one
   */
  take(into?: ArrayBufferLike | Room): Taken {
    const { layout, region } = this.#plan;
    const rows = this.#kernel.getRows();
    const { buffer, base } = copyRegion(layout, this.#memory.buffer, region, rows, into);
    this.#kernel.setRows(0);
    const changed = this.#kernel.takeChanges();
    const distinct = new Uint32Array(this.#memory.buffer, this.#plan.changes, changed / 4).slice();
    return {
      batch: new Batch(layout, rows, buffer, base),
      rejects: this.takeRejects(),
      ...this.place,
      distinct,
      kept: this.#takeKept(),
      ...(this.#marks && { marks: this.#marks.take() }),
    };
  }

  #takeKept(): Uint8Array<ArrayBuffer> {
    const { keptRows } = this.#plan;
    const end = this.#kernel.takeKept() >>> 0;
    return new Uint8Array(this.#memory.buffer, keptRows, end - keptRows).slice();
  }

  /** What stands out in the rows accepted so far, and in those alone that the decoder watches. */
  findings(): Findings {
    return this.#sampler?.findings() ?? { constants: [], labels: [] };
  }

  /** Takes the rejects alone, for instance at the end of a file. */
  takeRejects(): Reject[] {
    const { list } = this.#rejects;
    this.#rejects = new RejectList();
    return list;
  }

  /**
   * Decodes bytes [start, end) as one event, as from a message queue, at most 4 MiB; a newline at a text's end is passed over. An
   * empty message is no event. Rejects carry `offset` as given and row 0. The bytes after it are taken along for the messages
   * to come, so `bytes` must not change. Not to be mixed with `commit` and `scan`.
   * @param schema the id of its schema, where that stands beside it
   * @returns "full" when the batch is full
   */
  message(bytes: Uint8Array, start: number, end: number, offset: number, schema?: string): "full" | "more" {
    if (this.needsHeader && this.#columns === 0) this.#nameColumns(columnsOfMessages(this.#spec.events.columns));
    const kernel = this.#kernel;
    const length = end - start - Number(bytes[end - 1] === 10 && end > start && !this.schemas);
    if (length > MAX_ROW) {
      const kept = bytes.slice(start, start + MAX_REJECT_BYTES);
      this.#addTooLong(0, { offset, bytes: kept, length });
    } else if (length > 0) {
      this.#row = -1;
      const at = this.#input.bring(bytes, start, start + length);
      this.#sampler?.begin(at, at + length);
      if (this.#scanMessage(at, at + length, schema) === STATUS.reject) this.#reject(offset - at);
      else if (kernel.getRows() > 0) this.#sampler?.look();
    }
    return kernel.getRows() >= this.layout.capacity || this.#rejects.full ? "full" : "more";
  }

  #scanMessage(start: number, end: number, schema: string | undefined): number {
    const kernel = this.#kernel;
    kernel.setCursor(start);
    if (this.schemas) return this.schemas.scan(this.#memory.buffer, start, end, schema);
    if (this.#lineFormat !== undefined) return kernel.scanMessage(start, end, this.#lineFormat);
    const status = kernel.scanDelimited(end + 1, end, true, kernel.getRows() + 1);
    return status === STATUS.full && kernel.getCursor() >>> 0 !== end + 1 ? kernel.refuseMessage(start, end) : status;
  }

  /** What reads score requests into rows (format json). Not to be mixed with `commit` and `scan`. */
  get requests(): RequestReader {
    this.#requests ??= new RequestReader(this.#kernel, this.#memory, this.#plan, this.#input, this.#arena);
    return this.#requests;
  }
}
