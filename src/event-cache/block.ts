import { closeSync, openSync } from "node:fs";
import { inflateRawSync } from "node:zlib";
import type { BatchLayout } from "../core/batch.js";
import { Area, type ColumnMemory, type CrossStruct } from "../kernels/column.js";
import { structOf } from "../kernels/layouts.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { crossParts } from "../spec/cross-parts.js";
import type { EventCache } from "./cache.js";
import { type ColumnPart, codecs, columnsOf, HEAD_BYTES, type Section, sectionAt } from "./columns.js";
import { CrossColumns } from "./cross-columns.js";
import { type BlockPlace, damaged, leavesOutCrosses } from "./manifest.js";
import { eventsFile } from "./names.js";
import { type Notes, notesIn } from "./notes.js";

const COLUMN_BYTES = structOf("column", "Column").size;
const CROSS_BYTES = structOf("column", "Cross").size;
const NUMBERS: ColumnPart = { to: 0, stride: 4, width: 4 };

/** A block in memory: addresses of its `Column` structs, and what the host reads. */
interface Described {
  /** End of the rows' columns, which begin at `structs`; those of the crosses' parts follow, then the `Cross` structs. */
  readonly columnsEnd: number;
  readonly partsEnd: number;
  readonly crossesEnd: number;
  /** For each bag, the index of its column of lengths; those of keys and weights follow. */
  readonly bags: readonly number[];
  readonly advance: number;
  readonly lines: number;
  /** Changes of distinct-value registers, and the row with which each occurred. */
  readonly rows: Uint32Array;
  readonly changes: Uint32Array;
  readonly notes: Notes;
  readonly kept: Section;
}

/** What a reader's batches are. */
export interface BlockReaderOptions {
  readonly spec: CompiledSpec;
  readonly layout: BatchLayout;
  /** The memory they lie in. */
  readonly memory: ColumnMemory;
}

/** Reads the blocks of a cache, one at a time, and unpacks rows of them into batches that lie in the same memory. */
export class BlockReader {
  private readonly cache: EventCache;
  private readonly layout: BatchLayout;
  private readonly memory: ColumnMemory;
  private readonly columns: readonly ColumnPart[];
  private readonly crosses: CrossColumns;
  private readonly at: number;
  private readonly structs: number;
  private readonly lists: Area;
  private readonly file: number;
  private place: BlockPlace | null = null;
  private described: Described | null = null;
  /** For each bag: rows whose items have been counted, and how many items they have. */
  private items: { row: number; items: number }[] = [];

  constructor(cache: EventCache, { spec, layout, memory }: BlockReaderOptions) {
    this.cache = cache;
    this.layout = layout;
    this.memory = memory;
    this.columns = columnsOf(spec, layout);
    const parts = leavesOutCrosses(cache.manifest) ? crossParts(spec).length : 0;
    this.crosses = new CrossColumns(this.columns, parts, memory);
    this.at = memory.take(cache.mostBytes);
    const columns = this.columns.length + parts + 3 * layout.bags.length + 4;
    this.structs = memory.take(COLUMN_BYTES * columns + CROSS_BYTES * this.crosses.count);
    this.lists = new Area(memory);
    this.file = openSync(eventsFile(cache.directory), "r");
  }

  close(): void {
    closeSync(this.file);
  }

  /** Loads a block. @throws HashbrookError cache_damaged, naming it */
  load(place: BlockPlace): void {
    if (this.place === place) return;
    const { memory, at, cache, layout } = this;
    const { bytes } = place;
    cache.readBlock(this.file, place, memory.bytes(at, bytes), () => memory.hash(at, bytes));
    this.described = this.describe(place);
    this.place = place;
    this.items = layout.bags.map(() => ({ row: 0, items: 0 }));
  }

  get notes(): Notes {
    return this.described!.notes;
  }

  /** The rows' kept texts, as the decoder kept them. */
  kept(): Uint8Array {
    const { values, count } = this.described!.kept;
    return inflateRawSync(this.memory.bytes(values, count).slice());
  }

  /** Bytes and lines from the beginning of row `from` to that of row `from + count`. */
  way(from: number, count: number): { bytes: number; lines: number } {
    const { advance, lines } = this.described!;
    const { kernel } = this.memory;
    return { bytes: kernel.sum(advance, from, count), lines: kernel.sum(lines, from, count) };
  }

  /** How many rows end within `bytes` of the block's beginning. */
  rowsWithin(bytes: number): number {
    let low = 0;
    let high = this.place!.rows;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.way(0, middle).bytes <= bytes) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Changes of distinct-value registers that occurred with rows [from, to). */
  changes(from: number, to: number): Uint32Array {
    const { rows, changes } = this.described!;
    return changes.subarray(firstNotBelow(rows, from), firstNotBelow(rows, to));
  }

  /** Unpacks rows [from, from + count) into the rows from `row` on of a batch at an address. */
  unpack(from: number, count: number, batch: number, row: number): void {
    const { memory, structs } = this;
    const { columnsEnd, partsEnd, crossesEnd, bags } = this.described!;
    memory.kernel.unpack(structs, columnsEnd, from, count, batch, row);
    if (crossesEnd > partsEnd) memory.kernel.cross(columnsEnd, partsEnd, crossesEnd, from, count, batch, row);
    for (const [i, bag] of bags.entries()) this.unpackBag(i, bag, { from, count }, { batch, row });
  }

  private unpackBag(
    i: number,
    column: number,
    { from, count }: { from: number; count: number },
    { batch, row }: { batch: number; row: number },
  ): void {
    const { kernel } = this.memory;
    const first = this.itemsBefore(i, column, from);
    const offsets = batch + this.layout.bags[i].offsets;
    const there = row === 0 ? 0 : this.memory.words(offsets + 4 * row, 1)[0];
    if (row === 0) this.memory.words(offsets, 1)[0] = 0;
    const items = kernel.spread(column, from, count, offsets + 4 * (row + 1), there) - there;
    kernel.unpack(column + COLUMN_BYTES, column + 3 * COLUMN_BYTES, first, items, batch, there);
    this.items[i] = { row: from + count, items: first + items };
  }

  private itemsBefore(i: number, lengths: number, row: number): number {
    const known = this.items[i];
    return known.row === row ? known.items : this.memory.kernel.sum(lengths, 0, row);
  }

  /** Lays out structs for the kernel, section by section. */
  private describe(place: BlockPlace): Described {
    const end = this.at + place.bytes;
    let address = this.at;
    let struct = this.structs;
    const next = (width: number): Section => {
      const view = new DataView(this.memory.memory.buffer);
      const section = address + HEAD_BYTES <= end ? sectionAt(view, address, width) : null;
      if (!section || section.end > end) throw this.misfit(place);
      address = section.end;
      return section;
    };
    const lay = ({ to, stride, width }: ColumnPart, { codec, values, codes, count }: Section) => {
      const at = struct;
      struct = this.memory.writeColumns(at, [{ codec, width, values, codes, to, stride }]);
      return { at, count };
    };
    const column = (part: ColumnPart) => lay(part, next(part.width));
    const crosses: CrossStruct[] = [];
    for (const part of this.columns) {
      const section = next(part.width);
      if (section.codec === codecs.cross) crosses.push(this.crosses.structOf(part));
      else lay(part, section);
    }
    const columnsEnd = struct;
    for (const part of this.crosses.parts) column(part);
    const partsEnd = struct;
    struct = this.memory.writeCrosses(struct, crosses);
    const crossesEnd = struct;
    const bags = this.layout.bags.map(({ keys, weights }) => {
      const { at } = column(NUMBERS);
      column({ to: keys, stride: 8, width: 8 });
      column({ to: weights, stride: 4, width: 4 });
      return at;
    });
    const advance = column(NUMBERS).at;
    const lines = column(NUMBERS).at;
    const rows = this.list(column(NUMBERS));
    const changes = this.list(column(NUMBERS));
    const notes = notesIn(this.memory, next(1));
    const kept = next(1);
    if (address !== end) throw this.misfit(place);
    return { columnsEnd, partsEnd, crossesEnd, bags, advance, lines, rows, changes, notes, kept };
  }

  private list({ at, count }: { at: number; count: number }): Uint32Array {
    const out = this.lists.reserve(4 * count);
    this.memory.kernel.unpack(at, at + COLUMN_BYTES, 0, count, out, 0);
    return this.memory.words(out, count).slice();
  }

  private misfit({ number }: BlockPlace) {
    return damaged(eventsFile(this.cache.directory), `block ${number} does not have the columns of the manifest`);
  }
}

/** The first index whose number is at least `least`; the length if there is none. @param sorted ascending */
function firstNotBelow(sorted: Uint32Array, least: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < least) low = middle + 1;
    else high = middle;
  }
  return low;
}
