import { structOf } from "../kernels/layouts.js";
import type { Place } from "./options.js";

/** Positions in their file of a batch's rows and rejects. */
export interface Marks {
  /** For each row: bytes of the file's decompressed content up to its end, and lines. */
  readonly ends: Float64Array;
  readonly lines: Uint32Array;
  /** For each row: how many of the batch's changes of distinct-value registers had occurred by its end. */
  readonly risen: Uint32Array;
  /** For each reject. */
  readonly rejects: readonly RejectMark[];
}

/** The position of a reject. */
export interface RejectMark {
  /** Rows of the batch before it. */
  readonly before: number;
  /** The position after it. */
  readonly end: Place;
}

/** Collects the marks that the kernel leaves, whose addresses are valid until the input moves. */
export class MarkList {
  private readonly memory: WebAssembly.Memory;
  private readonly at: number;
  private readonly ends: Float64Array;
  private readonly lines: Uint32Array;
  private readonly risen: Uint32Array;
  private rejects: RejectMark[] = [];
  private rows = 0;

  constructor(memory: WebAssembly.Memory, at: number, capacity: number) {
    this.memory = memory;
    this.at = at;
    this.ends = new Float64Array(capacity);
    this.lines = new Uint32Array(capacity);
    this.risen = new Uint32Array(capacity);
  }

  /**
   * Takes the marks of the rows before number `rows`.
   * @param shift from addresses to offsets in the file
   * @param lines lines of the file before those that were read
   * @param most the file's last offset so far
   */
  collect(rows: number, shift: number, lines: number, most: number): void {
    const words = structOf("scan", "Mark").size >> 2;
    const marks = new Uint32Array(this.memory.buffer, this.at, rows * words);
    for (let r = this.rows; r < rows; r++) {
      this.ends[r] = Math.min(marks[r * words] + shift, most);
      this.lines[r] = marks[r * words + 1] + lines;
      this.risen[r] = marks[r * words + 2];
    }
    this.rows = rows;
  }

  reject(before: number, end: Place): void {
    this.rejects.push({ before, end });
  }

  take(): Marks {
    const rows = this.rows;
    const [ends, lines, risen] = [this.ends, this.lines, this.risen].map((list) => list.slice(0, rows));
    this.rows = 0;
    return {
      ends: ends as Float64Array,
      lines: lines as Uint32Array,
      risen: risen as Uint32Array,
      rejects: this.takeRejects(),
    };
  }

  takeRejects(): readonly RejectMark[] {
    const rejects = this.rejects;
    this.rejects = [];
    return rejects;
  }
}
