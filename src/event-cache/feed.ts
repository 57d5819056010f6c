import { Batch, type BatchLayout, type Room } from "../core/batch.js";
import { HashbrookError } from "../core/errors.js";
import { joined } from "../core/joined.js";
import type { Findings, Place, Reject, Taken } from "../decode/decoder.js";
import { KEPT_BYTES } from "../decode/plan-options.js";
import { RejectList } from "../decode/reject.js";
import type { ColumnMemory } from "../kernels/column.js";
import { type ByteSource, type SourceFile, type SourcePosition, sourceOf } from "../sources/source.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { BlockReader } from "./block.js";
import type { EventCache } from "./cache.js";
import type { CachedInput } from "./inputs.js";
import { KeptTexts } from "./kept-texts.js";
import type { BlockPlace } from "./manifest.js";

export interface CacheFeedOptions {
  readonly spec: CompiledSpec;
  readonly layout: BatchLayout;
  /** The memory that the batches' rooms are in. */
  readonly memory: ColumnMemory;
  /** The room of the next batch. */
  readonly room: () => Room;
  /** Columns and paths whose texts are wanted; undefined: no rows are returned. */
  readonly kept?: readonly string[] | undefined;
  /** Report changes of distinct-value registers. Default true. */
  readonly distinct?: boolean;
  /** Number of passes, for `totalBytes`. Default 1. */
  readonly epochs?: number;
}

/** Decoded events from caches, cut into batches as decoding their files would cut them. */
export class CacheFeed {
  private readonly inputs: readonly CachedInput[];
  private readonly options: CacheFeedOptions;
  private readonly source: ByteSource;
  private readonly readers = new Map<EventCache, BlockReader>();
  private readonly texts: KeptTexts | null;
  private epoch = 0;
  /** The blocks of the current file, the block being read, and how many of its rows and rejects were read. */
  private blocks: readonly BlockPlace[] = [];
  private block = 0;
  private row = 0;
  private reject = 0;
  /** What was read and not yet taken; the rows are in the room. */
  private taken = 0;
  private rejects = new RejectList();
  private changes: Uint32Array[] = [];
  private at: Place = { offset: 0, row: 0 };
  /** End of the row read last: rejects may follow before the next one. */
  private rowEnd: Place = { offset: 0, row: 0 };
  private findings: Findings = { constants: [], labels: [] };

  /** @throws HashbrookError cache_mismatch if the cache is for another spec, or lacks wanted texts */
  constructor(inputs: readonly CachedInput[], options: CacheFeedOptions) {
    this.inputs = inputs;
    this.options = options;
    this.source = sourceOf(inputs);
    const caches = new Set(inputs.map((input) => input.cache));
    for (const cache of caches) {
      cache.refuseOther(options.spec);
      cache.refuseMissing(options.kept ?? []);
    }
    for (const cache of caches) this.readers.set(cache, new BlockReader(cache, options));
    this.texts = options.kept ? new KeptTexts(options.kept, KEPT_BYTES) : null;
  }

  get files(): readonly SourceFile[] {
    return this.source.files;
  }

  get file(): number {
    return this.source.file;
  }

  get fingerprints(): readonly string[] {
    return this.source.fingerprints;
  }

  /** In the units of `bytesRead`. */
  get totalBytes(): number {
    return (this.options.epochs ?? 1) * this.inputs.reduce((sum, { content }) => sum + content, 0);
  }

  get rows(): number {
    return this.taken;
  }

  get place(): Place {
    return this.at;
  }

  /** In bytes of the files' content. */
  get bytesRead(): number {
    const { inputs, epoch, file, at } = this;
    const before = (count: number) => inputs.slice(0, count).reduce((sum, { content }) => sum + content, 0);
    return epoch * before(inputs.length) + before(file) + at.offset;
  }

  verify(fingerprints: readonly string[]): Promise<void> {
    return this.source.verify(fingerprints);
  }

  async goTo(place: SourcePosition): Promise<void> {
    await this.source.open(place);
    this.epoch = place.epoch ?? 0;
    this.beginFile();
    const { offset } = place;
    if (offset === 0) return;
    this.block = Math.max(
      0,
      this.blocks.findLastIndex((block) => block.offset <= offset),
    );
    this.load();
    const { reader } = this;
    this.row = reader.rowsWithin(offset - this.blocks[this.block].offset);
    const { rejects } = reader.notes;
    const next = rejects.findIndex(({ end }) => end.offset > offset);
    this.reject = next < 0 ? rejects.length : next;
    this.at = this.placeHere();
    if (this.at.offset !== offset) this.at = this.placeOfEnd();
    if (this.at.offset !== offset) throw this.noRow(offset);
  }

  async fill(wanted: number): Promise<"full" | "end"> {
    const { capacity } = this.options.layout;
    const target = Math.min(wanted, capacity);
    for (;;) {
      if (this.taken >= target || this.rejects.full || this.texts?.full) return "full";
      if (!this.more(target - this.taken)) return "end";
    }
  }

  take(): Taken & { findings: Findings } {
    const { layout, room } = this.options;
    const { buffer, base } = room();
    if (this.taken === 0) for (const { offsets } of layout.bags) new Uint32Array(buffer, base + offsets, 1)[0] = 0;
    const batch = new Batch(layout, this.taken, buffer, base);
    const distinct = joined(Uint32Array, this.changes);
    this.taken = 0;
    this.changes = [];
    const kept = this.texts?.take() ?? new Uint8Array(0);
    return { batch, rejects: this.takeRejects(), ...this.at, distinct, kept, findings: this.findings };
  }

  takeRejects(): Reject[] {
    const { list } = this.rejects;
    this.rejects = new RejectList();
    return list;
  }

  async nextFile(): Promise<boolean> {
    const more = await this.source.nextFile();
    if (more) this.beginFile();
    return more;
  }

  async close(): Promise<void> {
    await this.source.close();
    for (const reader of this.readers.values()) reader.close();
  }

  private get reader(): BlockReader {
    return this.readers.get(this.inputs[this.file].cache)!;
  }

  private beginFile(): void {
    const { cache, index } = this.inputs[this.file];
    this.blocks = cache.blocksOf(index);
    this.block = -1;
    this.row = 0;
    this.reject = 0;
    this.at = { offset: 0, row: 0 };
    this.nextBlock();
  }

  /** Reads some of what comes next; false at the end of the file. */
  private more(wanted: number): boolean {
    const { reader } = this;
    const block = this.blocks[this.block];
    const reject = reader.notes.rejects[this.reject];
    const until = Math.min(this.rowsToRead(block), reject ? reject.before : block.rows);
    const count = Math.min(wanted, until - this.row);
    if (count > 0) this.read(this.texts?.fits(this.row + this.reject, count) ?? count);
    else if (reject && reject.end.offset <= this.inputs[this.file].content) this.readReject();
    else return this.nextBlock();
    return true;
  }

  /** Rows of a block that belong to the file: all of them, unless the file is cut there. */
  private rowsToRead(block: BlockPlace): number {
    const { content, cache, index } = this.inputs[this.file];
    const end = this.blocks[this.block + 1]?.offset ?? cache.manifest.files[index].offset;
    return end <= content ? block.rows : this.reader.rowsWithin(content - block.offset);
  }

  private read(count: number): void {
    const { reader, row, options } = this;
    reader.unpack(row, count, options.room().base, this.taken);
    if (options.distinct ?? true) {
      const changes = reader.changes(row, row + count);
      if (changes.length > 0) this.changes.push(changes);
    }
    this.texts?.add(row + this.reject, count);
    const { bytes, lines } = reader.way(row, count);
    this.rowEnd = { offset: this.rowEnd.offset + bytes, row: this.rowEnd.row + lines };
    this.at = this.rowEnd;
    this.row += count;
    this.taken += count;
  }

  private readReject(): void {
    const { bytes, before: _, end, ...reject } = this.reader.notes.rejects[this.reject];
    this.rejects.add({ ...reject, bytes: new Uint8Array(Buffer.from(bytes, "base64")) });
    this.texts?.add(this.row + this.reject, 1);
    this.at = end;
    this.reject++;
  }

  /** Goes to the file's next block; false if there is none. */
  private nextBlock(): boolean {
    const { content } = this.inputs[this.file];
    const next = this.blocks[this.block + 1];
    if (!next || (this.block >= 0 && next.offset >= content)) {
      this.at = this.placeOfEnd();
      return false;
    }
    this.block++;
    this.load();
    return true;
  }

  private load(): void {
    const block = this.blocks[this.block];
    const { reader, texts } = this;
    reader.load(block);
    this.row = 0;
    this.reject = 0;
    this.rowEnd = { offset: block.offset, row: block.row };
    this.at = this.rowEnd;
    this.findings = reader.notes.findings;
    texts?.open(() => reader.kept(), this.inputs[this.file].cache.manifest.kept, block.rows, reader.notes);
  }

  /** The position after the row or reject that was read last. */
  private placeHere(): Place {
    const { reader, row, reject } = this;
    const block = this.blocks[this.block];
    const { bytes, lines } = reader.way(0, row);
    this.rowEnd = { offset: block.offset + bytes, row: block.row + lines };
    const before = reader.notes.rejects[reject - 1];
    return before && before.before === row ? before.end : this.rowEnd;
  }

  /** The file's end, including trailing blank lines, unless the file is cut. */
  private placeOfEnd(): Place {
    const { cache, index, content } = this.inputs[this.file];
    const { offset, row } = cache.manifest.files[index];
    return content < offset ? this.at : { offset, row };
  }

  private noRow(offset: number): HashbrookError {
    const { cache, name } = this.inputs[this.file];
    return new HashbrookError("source_changed", `${cache.directory}: no event of ${name} begins at byte ${offset}`, {
      hint: "the checkpoint was made from other data: pass the same data, or start without --resume",
    });
  }
}
