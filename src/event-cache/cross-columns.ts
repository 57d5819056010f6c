import type { ColumnMemory, CrossStruct } from "../kernels/column.js";
import { constantOf } from "../kernels/layouts.js";
import type { CrossCell } from "../spec/cross-parts.js";
import type { ColumnPart } from "./columns.js";

/** Rows whose keys are computed together. */
const TILE = constantOf("column", "TILE");

/** The columns that a block may leave out: keys of crosses, computed from those of their parts. */
export class CrossColumns {
  /** Keys of the parts: in memory of their own, with room for a tile. */
  readonly parts: readonly ColumnPart[];
  private readonly structs: ReadonlyMap<ColumnPart, CrossStruct>;

  /** @param parts their number; 0: all crosses are stored */
  constructor(columns: readonly ColumnPart[], parts: number, memory: ColumnMemory) {
    const partBytes = 8 * parts;
    const [first, joined] = [memory.take(TILE * partBytes), memory.take(partBytes)];
    this.parts = Array.from({ length: parts }, (_, i) => ({ to: first + 8 * i, stride: partBytes, width: 8 }));
    const structOf = ({ to, stride }: ColumnPart, { parts, seed }: CrossCell): CrossStruct => {
      const at = memory.take(4 * parts.length);
      memory.words(at, parts.length).set(parts.map((part) => this.parts[part].to));
      return { parts: at, count: parts.length, partBytes, joined, to, stride, seed };
    };
    const crosses = parts === 0 ? [] : columns.filter(({ cross }) => cross);
    this.structs = new Map(crosses.map((column) => [column, structOf(column, column.cross!)]));
  }

  /** Number of columns. */
  get count(): number {
    return this.structs.size;
  }

  /** What the kernel needs to compute a column. */
  structOf(column: ColumnPart): CrossStruct {
    return this.structs.get(column)!;
  }
}
