import { Batch, type BatchLayout, type Room } from "../core/batch.js";
import { HashbrookError } from "../core/errors.js";
import { type CompiledSpec, type Format, isBinary, isDelimited } from "../spec/compiled.js";
import { Arena } from "./arena.js";
import { BinaryEvents } from "./binary-events.js";
import { rejectOf } from "./expected.js";
import { type Framed, Frames } from "./frames.js";
import { beginFile, columnsOfMessages, HeaderEnd, type HeaderOptions, headerOptions } from "./header.js";
import { ScanInput } from "./input.js";
import { KeptBytes } from "./kept-rows.js";
import { LINE_FORMAT, type ScanKernel, STATUS, scanKernel } from "./kernel.js";
import { LongRow } from "./long-row.js";
import { MarkList } from "./marks.js";
import { notLines } from "./not-lines.js";
import type { DecoderOptions, Place, Taken } from "./options.js";
import { ScanPlan } from "./plan.js";
import { planOptions } from "./plan-options.js";
import { type RefusedRow, refusedRow } from "./refused.js";
import { copyRegion } from "./region.js";
import { MAX_REJECT_BYTES, MAX_ROW, type PassedRow, type Reject, RejectList, ROW_TOO_LONG } from "./reject.js";
import { RequestReader } from "./request.js";
import { type Findings, Sampler } from "./sampler.js";

export type { DecoderOptions, Place, Taken } from "./options.js";
export type { Reject, RejectCode } from "./reject.js";
export type { RequestFailure, RequestReader } from "./request.js";
export type { Constant, Findings } from "./sampler.js";

/**
 * Bytes → batches: finds the rows, parses and hashes their values into the batch's region and rejects malformed ones, all in the
 * kernel. Use: write into `room`, `commit`, `scan`; `take` when the batch is full; `endFile` after a file. The batches do not
 * depend on how the input is cut into chunks.
 */
export class Decoder {
  readonly layout: BatchLayout;
  /** The file's first line must be scanned (`scan(0)`) before `startAt` can go to the middle of it. */
  readonly needsHeader: boolean;
  readonly spec: CompiledSpec;
  private readonly format: Format;
  /** Absent: rows are delimited values. */
  private readonly lineFormat: number | undefined;
  private readonly memory: WebAssembly.Memory;
  private readonly kernel: ScanKernel;
  private readonly plan: ScanPlan;
  private readonly arena: Arena;
  private requestReader: RequestReader | undefined;
  /** The reader of events that are not lines of text; it must be given their schemas. */
  readonly schemas: BinaryEvents | undefined;
  private readonly input: ScanInput;
  /** For files of binary messages. */
  private readonly frames = new Frames();
  private readonly header: HeaderOptions | null;
  private headerEnd = new HeaderEnd();
  private rejects = new RejectList();
  /** Lines of the file before the next byte. */
  private row = 0;
  private atStart = true;
  /** Columns of the current file; 0: not known yet. */
  private columns = 0;
  private tooLong: LongRow | undefined;
  private readonly sampler: Sampler | undefined;
  private readonly marks: MarkList | undefined;
  private readonly kept: KeptBytes;

  constructor(spec: CompiledSpec, options: DecoderOptions) {
    const plan = planOptions(spec, options);
    const { format, watch, marks } = plan;
    const { memory, kernel } = scanKernel();
    const arena = new Arena(memory, kernel.heapBase());
    this.spec = spec;
    this.format = format;
    this.memory = memory;
    this.kernel = kernel;
    this.arena = arena;
    this.plan = new ScanPlan(spec, plan, kernel, arena);
    this.layout = this.plan.layout;
    this.input = new ScanInput(memory, arena, () => this.plan.enlargeScratch());
    this.kept = new KeptBytes(kernel, memory, this.plan.keptRows);
    this.lineFormat = isDelimited(format) || isBinary(format) ? undefined : LINE_FORMAT[format];
    const { places } = this.plan;
    if (isBinary(format)) this.schemas = new BinaryEvents(spec.events, kernel, arena, places);
    if (marks) this.marks = new MarkList(memory, this.plan.marks, plan.capacity);
    if (watch) this.sampler = new Sampler(memory, kernel, places, plan.unlabelled ? null : spec.label.from, format);
    this.needsHeader = isDelimited(format) && (options.header ?? spec.events.header);
    this.header = this.needsHeader ? headerOptions(spec, plan) : null;
    if (isDelimited(format) && !this.needsHeader) this.nameColumns(spec.events.columns);
  }

  /** Rows decoded and not yet taken. */
  get rows(): number {
    return this.kernel.getRows();
  }

  /** Position of the next row to read: bytes of the decompressed file and lines before it. */
  get place(): Place {
    return { offset: this.input.offset, row: this.row };
  }

  /** Where the source may write its next bytes (a view of the kernel's memory); empty until a finished file has been scanned. */
  room(): Uint8Array<ArrayBuffer> {
    return this.input.room();
  }

  /** Call after writing `count` bytes into `room`. The first ones after `endFile` begin a new file. */
  commit(count: number): void {
    if (this.tooLong && this.input.ended)
      throw new HashbrookError("internal", "commit before the last file was scanned to its end");
    if (this.input.commit(count)) this.beginAt(0, 0);
  }

  /** Marks the end of a file: a last line without a newline is a row. */
  endFile(): void {
    this.input.finish();
  }

  /**
   * Starts in the middle of a file: the next byte is at `offset`, with `row` lines before it. Bytes not yet scanned are dropped,
   * rows not yet taken stay. The columns of a file with a header are those of the header last read.
   * @throws HashbrookError internal when a header is needed and none has been read
   */
  startAt(offset: number, row: number): void {
    if (offset > 0 && this.needsHeader && this.columns === 0)
      throw new HashbrookError("internal", "startAt before the file's header was read");
    this.input.startAt(offset);
    this.tooLong = undefined;
    this.frames.begin();
    this.beginAt(offset, row);
  }

  private beginAt(offset: number, row: number): void {
    [this.row, this.atStart, this.headerEnd] = [row, offset === 0, new HeaderEnd()];
  }

  /**
   * Scans until the batch holds `wanted` rows (default and maximum: the capacity) or the input is used up. After 10,000 rejects a
   * batch counts as full.
   * @throws HashbrookError source_unreadable: the header lacks a column, a message is cut off, or files cannot have the format
   */
  scan(wanted = this.layout.capacity): "full" | "more" {
    const capacity = Math.min(wanted, this.layout.capacity);
    if (this.schemas) return this.scanFrames(capacity);
    while (true) {
      if (this.atStart && !this.beginFile()) return "more";
      if (this.kernel.getRows() >= capacity || this.rejects.full) return "full";
      if (this.tooLong && !this.skipTooLong()) return "more";
      const status = this.scanOnce(capacity);
      if (status === STATUS.full) return "full";
      if (status === STATUS.reject) continue;
      this.tooLong = LongRow.at(this.input);
      if (!this.tooLong) return "more";
    }
  }

  /** Scans length-delimited messages. */
  private scanFrames(capacity: number): "full" | "more" {
    if (this.format !== "protobuf" || this.spec.events.schema === undefined) throw notLines(this.format);
    while (this.rows < capacity && !this.rejects.full && !this.kernel.keptFull()) {
      const frame = this.frames.next(this.input, this.row);
      if (!frame) return "more";
      if ("length" in frame) this.passTooLong(frame);
      else this.scanFrame(frame);
    }
    return "full";
  }

  private scanFrame({ start, end }: Framed): void {
    const { read, offset } = this.input;
    const status = this.scanEvent(start, end, offset - read);
    this.input.advance(end);
    this.marks?.collect(this.rows, offset - read, this.row, this.input.offset);
    this.row += 1;
    if (status === STATUS.reject) this.marks?.reject(this.rows, this.place);
  }

  /** One call of the kernel. A reject is recorded. */
  private scanOnce(capacity: number): number {
    const { read, end, limit, ended, offset } = this.input;
    const kernel = this.kernel;
    if (limit <= read) return STATUS.more;
    kernel.setCursor(read);
    this.sampler?.begin(read, limit);
    const status =
      this.lineFormat === undefined
        ? kernel.scanDelimited(limit, end, ended, capacity)
        : kernel.scanLines(limit, capacity, this.lineFormat);
    if (status === STATUS.reject) this.reject(offset - read);
    else if (kernel.getRows() > 0) this.sampler?.look();
    this.input.advance(kernel.getCursor());
    this.marks?.collect(kernel.getRows(), offset - read, this.row, this.input.offset);
    this.row += kernel.getLines();
    if (status === STATUS.reject) this.marks?.reject(kernel.getRows(), this.place);
    return status;
  }

  /** Records the kernel's last rejected row. @param shift from addresses to offsets in the file */
  private reject(shift: number): void {
    const from = { memory: this.memory, input: this.input, places: this.plan.places };
    this.add(this.kernel.getCode(), refusedRow(this.kernel, from, shift, this.row));
  }

  /** @param code the kernel's reject code */
  private add(code: number, row: RefusedRow): void {
    const columns = this.columns;
    this.kernel.keepRow(code);
    this.rejects.add(rejectOf(RejectList.codeOf(code), row, { spec: this.spec, format: this.format, columns }));
  }

  /** @returns false while the file's beginning is incomplete */
  private beginFile(): boolean {
    const header = beginFile(this.input, this.header, this.headerEnd);
    if (!header) return false;
    if (header.names.length > 0) this.nameColumns(header.names);
    this.row = header.lines;
    this.atStart = false;
    return true;
  }

  private nameColumns(names: readonly string[]): void {
    this.plan.setColumns(names);
    this.columns = names.length;
  }

  /** @returns false while the row's end has not arrived */
  private skipTooLong(): boolean {
    const passed = this.tooLong!.skip(this.input);
    if (!passed) return false;
    this.tooLong = undefined;
    this.passTooLong(passed);
    return true;
  }

  private passTooLong(passed: PassedRow): void {
    this.row += 1;
    this.addTooLong(this.row, passed);
    this.marks?.reject(this.rows, this.place);
  }

  private addTooLong(row: number, passed: PassedRow): void {
    this.add(ROW_TOO_LONG, { column: "", value: null, row, ...passed });
  }

  /**
   * Takes the rows decoded so far (any number up to the capacity) and the rejects among them.
   * @param into where to put the batch: the buffer of an earlier one, or a part of a buffer
   */
  take(into?: ArrayBufferLike | Room): Taken {
    const { layout, region, changes } = this.plan;
    const rows = this.kernel.getRows();
    const { buffer, base } = copyRegion(layout, this.memory.buffer, region, rows, into);
    this.kernel.setRows(0);
    return {
      batch: new Batch(layout, rows, buffer, base),
      rejects: this.takeRejects(),
      ...this.place,
      distinct: new Uint32Array(this.memory.buffer, changes, this.kernel.takeChanges() / 4).slice(),
      kept: this.kept.take(),
      ...(this.marks && { marks: this.marks.take() }),
    };
  }

  /** Observations about the rows accepted so far (only those that the decoder watches). */
  findings(): Findings {
    return this.sampler?.findings() ?? { constants: [], labels: [] };
  }

  /** Takes only the rejects, for instance at the end of a file. */
  takeRejects(): Reject[] {
    const { list } = this.rejects;
    this.rejects = new RejectList();
    return list;
  }

  /**
   * Decodes bytes [start, end), at most 4 MiB, as one event, for instance from a message queue; a newline at a text's
   * end is ignored. An empty message is not an event. Rejects carry `offset` as given and row 0. The bytes after the
   * message are copied along for later ones, so `bytes` must not change. Do not mix with `commit` and `scan`.
   * @param schema the id of its schema, if passed separately
   * @returns "full" when the batch is full
   */
  message(bytes: Uint8Array, start: number, end: number, offset: number, schema?: string): "full" | "more" {
    if (this.needsHeader && this.columns === 0) this.nameColumns(columnsOfMessages(this.spec.events.columns));
    this.kept.makeRoom();
    const length = end - start - Number(bytes[end - 1] === 10 && end > start && !this.schemas);
    if (length > MAX_ROW) {
      this.addTooLong(0, { offset, bytes: bytes.slice(start, start + MAX_REJECT_BYTES), length });
    } else if (length > 0) {
      this.row = -1;
      const at = this.input.bring(bytes, start, start + length);
      this.scanEvent(at, at + length, offset - at, schema);
    }
    return this.rows >= this.layout.capacity || this.rejects.full ? "full" : "more";
  }

  /** @param shift from addresses to offsets */
  private scanEvent(start: number, end: number, shift: number, schema?: string): number {
    this.sampler?.begin(start, end);
    const status = this.scanMessage(start, end, schema);
    if (status === STATUS.reject) this.reject(shift);
    else if (this.rows > 0) this.sampler?.look();
    return status;
  }

  private scanMessage(start: number, end: number, schema: string | undefined): number {
    const kernel = this.kernel;
    kernel.setCursor(start);
    if (this.schemas) return this.schemas.scan(this.memory.buffer, start, end, schema);
    if (this.lineFormat !== undefined) return kernel.scanMessage(start, end, this.lineFormat);
    const status = kernel.scanDelimited(end + 1, end, true, kernel.getRows() + 1);
    return status === STATUS.full && kernel.getCursor() >>> 0 !== end + 1 ? kernel.refuseMessage(start, end) : status;
  }

  /** Reads score requests into rows (format json). Do not mix with `commit` and `scan`. */
  get requests(): RequestReader {
    this.requestReader ??= new RequestReader(this.kernel, this.memory, this.plan, this.input, this.arena);
    return this.requestReader;
  }
}
