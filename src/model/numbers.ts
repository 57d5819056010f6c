import type { Batch } from "../core/batch.js";
import { type Block, bytesOf, type SavedBlocks, savedNumbers } from "../core/blocks.js";
import { keepOf } from "../core/half-life.js";
import { isNumber } from "../fields/index.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { FIRST_VALUES, robustStatistics } from "./robust.js";

/** Standardized values are kept within this many standard deviations: one freak value must not throw the tower. */
export const MAX_DEVIATIONS = 10;

const STATISTICS = "numbers/statistics";
const BEGINNING = "numbers/beginning";
/** f64 a column of the beginning: values clipped so far, the smallest deviation seen while all values were equal, the first values. */
const CLIPPED = 0;
const LEAST = 1;
const FIRST = 2;
const WIDTH = FIRST + FIRST_VALUES;

/**
 * The numeric columns of a batch, made ready for the tower: missing values replaced, `standardize` columns scaled by
 * streaming mean and variance (Welford 1962). Learning first counts the batch's values, then scales with the new
 * statistics: they hold no label, so the progressive score stays honest and the very first batch is scaled too.
 *
 * One record cannot move the statistics far: a value counts as at most `MAX_DEVIATIONS` deviations from the mean so far. The first
 * 128 values are kept, and the statistics come from all of them together (robust.ts). Where all values were equal,
 * one that differs counts as equal, and later ones as no farther than ten times the nearest that differed. A stream whose level shifts
 * is followed: its clipped values widen the deviation within some hundredths of the rows before it.
 */
export class Numbers {
  /** f32[capacity × columns], what the tower reads. */
  readonly values: Float32Array;
  readonly columns: number;
  private readonly missing: Float64Array;
  /** Columns that are standardized, and by how much what was before a value counts less after it. */
  private readonly scaled: readonly { readonly column: number; readonly keep: number }[];
  /** f64[columns × 3]: count, mean, sum of squared deviations. */
  private readonly statistics: Float64Array;
  /** f64[columns × WIDTH]; NaN where a first value has not come. */
  private readonly beginning: Float64Array;

  constructor(spec: CompiledSpec, values: Float32Array) {
    const fields = spec.numbers.map((name) => spec.fields.find((field) => field.name === name));
    this.columns = fields.length;
    this.values = values;
    this.missing = Float64Array.from(fields, (field) => (field && isNumber(field) ? field.missing : 0));
    this.scaled = fields.flatMap((field, column) =>
      field && isNumber(field) && field.transform === "standardize"
        ? [{ column, keep: field.half_life === undefined ? 1 : keepOf(field.half_life) }]
        : [],
    );
    this.statistics = new Float64Array(this.columns * 3);
    this.beginning = new Float64Array(this.columns * WIDTH);
    for (let column = 0; column < this.columns; column++) this.beginningOf(column).fill(Number.NaN, FIRST);
  }

  /** Whether learning counts values. */
  get counts(): boolean {
    return this.scaled.length > 0;
  }

  /** Takes the statistics back to what they are now. */
  hold(): () => void {
    const [statistics, beginning] = [this.statistics.slice(), this.beginning.slice()];
    return () => {
      this.statistics.set(statistics);
      this.beginning.set(beginning);
    };
  }

  /** Values that counted as less far from the mean than they were. */
  get clipped(): number {
    return this.scaled.reduce((sum, { column }) => sum + this.beginningOf(column)[CLIPPED], 0);
  }

  /** Adds a batch's present values to the statistics. */
  count(batch: Pick<Batch, "numbers">): void {
    const x = batch.numbers;
    for (const { column, keep } of this.scaled) {
      let i = this.countFirst(x, column);
      const beginning = this.beginningOf(column);
      let [n, mean, squares] = this.statistics.subarray(column * 3, column * 3 + 3);
      for (; i < x.length; i += this.columns) {
        const value = x[i];
        if (Number.isNaN(value)) continue;
        const counted = mean + this.within(value - mean, squares / n, beginning);
        n = n * keep + 1;
        const delta = counted - mean;
        mean += delta / n;
        squares = squares * keep + delta * (counted - mean);
      }
      this.statistics.set([n, mean, squares], column * 3);
    }
  }

  /** Writes the batch's resolved values into `values`. */
  resolve(batch: Batch): void {
    const x = batch.numbers;
    for (let column = 0; column < this.columns; column++) {
      const missing = this.missing[column];
      for (let i = column; i < x.length; i += this.columns) this.values[i] = Number.isNaN(x[i]) ? missing : x[i];
    }
    for (const { column } of this.scaled) this.standardize(x, column);
  }

  private standardize(x: Float32Array, column: number): void {
    const { mean, deviation } = this.scaleOf(column);
    const scale = deviation > 0 ? 1 / deviation : 0;
    for (let i = column; i < x.length; i += this.columns) {
      const z = Number.isNaN(x[i]) ? 0 : (x[i] - mean) * scale;
      this.values[i] = Math.min(MAX_DEVIATIONS, Math.max(-MAX_DEVIATIONS, z));
    }
  }

  /** Mean and deviation by which a standardized column is scaled; deviation 0: all its values become 0. */
  scaleOf(column: number): { readonly mean: number; readonly deviation: number } {
    const [n, mean, squares] = this.statistics.subarray(column * 3, column * 3 + 3);
    return { mean, deviation: n > 1 ? Math.sqrt(squares / n) : 0 };
  }

  /** `scaleOf` every standardized column, by its field's name. */
  scales(names: readonly string[]): Record<string, { readonly mean: number; readonly deviation: number }> {
    return Object.fromEntries(this.scaled.map(({ column }) => [names[column], this.scaleOf(column)]));
  }

  /** Takes first values while there are to be more of them; returns where the others begin. */
  private countFirst(x: Float32Array, column: number): number {
    const beginning = this.beginningOf(column);
    const first = beginning.subarray(FIRST);
    let have = first.findIndex(Number.isNaN);
    if (have < 0) return column;
    let i = column;
    for (; i < x.length && have < FIRST_VALUES; i += this.columns) if (!Number.isNaN(x[i])) first[have++] = x[i];
    if (have === 0) return i;
    const { mean, squares, clipped, least } = robustStatistics(first.subarray(0, have));
    this.statistics.set([have, mean, squares], column * 3);
    beginning[CLIPPED] = clipped;
    beginning[LEAST] = least;
    return i;
  }

  /** How far from the mean a value counts as being. */
  private within(distance: number, variance: number, beginning: Float64Array): number {
    if (distance * distance <= MAX_DEVIATIONS * MAX_DEVIATIONS * variance) return distance;
    const [, least] = beginning;
    let most = MAX_DEVIATIONS * Math.sqrt(variance);
    if (variance === 0) {
      beginning[LEAST] = least === 0 ? Math.abs(distance) : Math.min(least, Math.abs(distance));
      most = least === 0 ? 0 : MAX_DEVIATIONS * beginning[LEAST];
    }
    if (Math.abs(distance) <= most) return distance;
    beginning[CLIPPED]++;
    return distance < 0 ? -most : most;
  }

  private beginningOf(column: number): Float64Array {
    return this.beginning.subarray(column * WIDTH, (column + 1) * WIDTH);
  }

  /** The statistics, and where columns are standardized what guards them. */
  blocks(): Block[] {
    const block = (name: string, width: number, data: Float64Array): Block => {
      return { name, dtype: "F64", shape: [this.columns, width], data: bytesOf(data) };
    };
    const statistics = block(STATISTICS, 3, this.statistics);
    return this.scaled.length > 0 ? [statistics, block(BEGINNING, WIDTH, this.beginning)] : [statistics];
  }

  /** A copy of the statistics: f64[columns × 3]. */
  snapshot(): Float64Array {
    return this.statistics.slice();
  }

  /** The statistics themselves. */
  get all(): Float64Array {
    return this.statistics;
  }

  /** True for statistics of as many columns. */
  fits(statistics: Float64Array): boolean {
    return statistics.length === this.statistics.length;
  }

  /** Takes statistics alone, as a replica gets them. */
  use(data: Uint8Array): void {
    new Uint8Array(this.statistics.buffer).set(data);
  }

  /** Checkpoints of old have no beginning: their statistics go on as they are. */
  restore(blocks: SavedBlocks): void {
    if (!blocks.has(STATISTICS)) return;
    const { statistics, beginning } = this;
    statistics.set(savedNumbers(blocks, STATISTICS, { bytes: statistics.byteLength }));
    if (!blocks.has(BEGINNING)) this.withoutBeginning();
    else beginning.set(savedNumbers(blocks, BEGINNING, { bytes: beginning.byteLength }));
  }

  private withoutBeginning(): void {
    for (const { column } of this.scaled) {
      if (this.statistics[column * 3] > 0) this.beginningOf(column).fill(0, FIRST);
    }
  }
}
