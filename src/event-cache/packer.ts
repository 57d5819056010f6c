import { deflateRawSync } from "node:zlib";
import { Batch, type BatchLayout, type Room } from "../core/batch.js";
import { HashbrookError } from "../core/errors.js";
import type { Findings, Place, Taken } from "../decode/decoder.js";
import { Area, ColumnMemory } from "../kernels/column.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { crossParts } from "../spec/cross-parts.js";
import { type ColumnPart, columnsOf, crossSection, isWide, opaqueSection } from "./columns.js";
import { keptRejects, type Notes, notesSection } from "./notes.js";

/** The input of a block. */
export interface Decoded extends Taken {
  readonly findings: Findings;
}

/** Most slots of the table of distinct values: the kernel gives up at half as many values. */
const MOST_SLOTS = 1 << 17;
const U32: Shape = { stride: 4, width: 4, whole: true };
type Shape = Omit<ColumnPart, "to">;

/** Packs batches into an event cache's blocks (docs/FORMATS.md). */
export class BlockPacker {
  private readonly layout: BatchLayout;
  private readonly memory = new ColumnMemory({ shared: false });
  private readonly region: number;
  private readonly columns: readonly ColumnPart[];
  /** The last columns: keys of the parts of crosses. */
  private readonly parts: readonly ColumnPart[];
  private readonly list = new Area(this.memory);
  private readonly scratch = new Area(this.memory);
  private readonly out = new Area(this.memory);

  /** @param spec of `withParts` */
  constructor(spec: CompiledSpec, layout: BatchLayout) {
    this.layout = layout;
    const columns = columnsOf(spec, layout);
    this.parts = columns.splice(columns.length - crossParts(spec).length);
    this.columns = columns;
    this.region = this.memory.take(layout.bytes);
  }

  /** Where to decode the batch that is packed next. */
  get room(): Room {
    return { buffer: this.memory.memory.buffer, base: this.region };
  }

  /** The block of the batch in `room`. @param start where its first row begins */
  pack({ batch, marks, distinct, kept, rejects, findings }: Decoded, start: Place): Uint8Array {
    const { ends, lines, risen, rejects: ofRejects } = marks!;
    const notes: Notes = { rejects: keptRejects(rejects, ofRejects), findings };
    return Buffer.concat([
      ...this.rowSections(batch.rows),
      ...this.layout.bags.flatMap((_, i) => this.bagSections(i, batch.rows)),
      this.numbers(advances(ends, start.offset)),
      this.numbers(advances(lines, start.row)),
      this.numbers(rowsOfChanges(risen, distinct.length)),
      this.numbers(distinct),
      notesSection(notes),
      opaqueSection(deflateRawSync(kept)),
    ]);
  }

  /** Crosses of many values are not stored: the keys of their parts are. */
  private rowSections(rows: number): Uint8Array[] {
    const needed = new Set<number>();
    const packed = ({ to, ...shape }: ColumnPart, count: number) => this.section(this.region + to, shape, count);
    const sections = this.columns.map((column) => {
      const section = packed(column, rows);
      if (!column.cross || !isWide(section)) return section;
      for (const part of column.cross.parts) needed.add(part);
      return crossSection(rows);
    });
    return [...sections, ...this.parts.map((part, i) => packed(part, needed.has(i) ? rows : 0))];
  }

  private bagSections(i: number, rows: number): Uint8Array[] {
    const { keys, weights } = this.layout.bags[i];
    const { offsets } = new Batch(this.layout, rows, this.room.buffer, this.region).bag(i);
    const lengths = Uint32Array.from({ length: rows }, (_, r) => offsets[r + 1] - offsets[r]);
    const items = offsets[rows];
    return [
      this.numbers(lengths),
      this.section(this.region + keys, { stride: 8, width: 8 }, items),
      this.section(this.region + weights, { stride: 4, width: 4 }, items),
    ];
  }

  private numbers(list: Uint32Array): Uint8Array {
    const at = this.list.reserve(list.byteLength);
    this.memory.words(at, list.length).set(list);
    return this.section(at, U32, list.length);
  }

  private section(from: number, { stride, width, whole }: Shape, count: number): Uint8Array {
    const slots = Math.min(MOST_SLOTS, 2 ** Math.ceil(Math.log2(2 * count + 64)));
    const scratch = this.scratch.reserve(4 * (slots + count));
    const out = this.out.reserve(64 + count * Math.max(8, width));
    const size = this.memory.kernel.pack(from, stride, width, count, Number(whole ?? false), out, scratch, slots);
    return this.memory.bytes(out, size).slice();
  }
}

/** The distance from each row's end to the next one's. */
function advances(ends: Float64Array | Uint32Array, start: number): Uint32Array {
  const list = new Uint32Array(ends.length);
  let before = start;
  for (const [r, end] of ends.entries()) {
    const way = end - before;
    if (!(way >= 0 && way < 2 ** 32))
      throw new HashbrookError("cache_write", "more than 4 GiB of malformed rows between two events cannot be cached", {
        hint: "check that it is the right file: hashbrook check --model SPEC --data FILE shows what is read",
      });
    list[r] = way;
    before = end;
  }
  return list;
}

/** The row with which each change of a register occurred. */
function rowsOfChanges(risen: Uint32Array, changes: number): Uint32Array {
  const rows = new Uint32Array(changes);
  let from = 0;
  for (const [row, until] of risen.entries()) {
    rows.fill(row, from, until);
    from = until;
  }
  return rows;
}
