import type { Batch } from "../core/batch.js";
import { type Block, bytesOf, type SavedBlocks, savedNumbers } from "../core/blocks.js";
import { keepOf } from "../core/half-life.js";
import { isNumber } from "../fields/index.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { FIRST_VALUES, robustStatistics } from "./robust.js";

/** Standardized values are clipped to this many standard deviations, so that an outlier cannot disturb the tower. */
export const MAX_DEVIATIONS = 10;

const STATISTICS = "numbers/statistics";
const BEGINNING = "numbers/beginning";
/**
 * f64 per column at the beginning: values clipped so far, the smallest deviation seen while all values were equal, the first
 * values.
 */
const CLIPPED = 0;
const LEAST = 1;
const FIRST = 2;
const WIDTH = FIRST + FIRST_VALUES;

/**
 * Preprocesses the numeric columns of a batch: missing values are replaced, and `standardize` columns scaled by streaming mean
 * and variance (Welford 1962). Learning first counts the batch's values, then scales with the new statistics: these contain no
 * label, so the progressive score stays honest, and even the first batch is scaled.
 *
 * One record cannot move the statistics far: a value counts as at most `MAX_DEVIATIONS` deviations from the current mean. The
 * first 128 values are kept, and the statistics are computed from all of them together (robust.ts). If all values were equal,
 * the first that differs counts as equal, and later ones as no farther than ten times the smallest difference. A stream whose
 * level shifts is followed: its clipped values widen the deviation within a number of rows that is some hundredths of those
 * before.
 */
export class Numbers {
  /** f32[capacity × columns], what the tower reads. */
  readonly values: Float32Array;
  readonly columns: number;
  private readonly missing: Float64Array;
  /** Columns that are standardized, and the factor by which the weight of earlier values decays. */
  private readonly scaled: readonly { readonly column: number; readonly keep: number }[];
  /** f64[columns × 3]: count, mean, sum of squared deviations. */
  private readonly statistics: Float64Array;
  /** f64[columns × WIDTH]; NaN for first values that have not arrived. */
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

  /** Returns a function that restores the current statistics. */
  hold(): () => void {
    const statistics = this.statistics.slice();
    const beginning = this.beginning.slice();
    return () => {
      this.statistics.set(statistics);
      this.beginning.set(beginning);
    };
  }

  /** Number of values that were clipped. */
  get clipped(): number {
    return this.scaled.reduce((sum, { column }) => sum + this.beginningOf(column)[CLIPPED], 0);
  }

  /** Adds a batch's values, without missing ones, to the statistics. */
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

  /** Mean and deviation that a standardized column is scaled with; deviation 0: all its values become 0. */
  scaleOf(column: number): { readonly mean: number; readonly deviation: number } {
    const [n, mean, squares] = this.statistics.subarray(column * 3, column * 3 + 3);
    return { mean, deviation: n > 1 ? Math.sqrt(squares / n) : 0 };
  }

  /** `scaleOf` for every standardized column, by its field's name. */
  scales(names: readonly string[]): Record<string, { readonly mean: number; readonly deviation: number }> {
    return Object.fromEntries(this.scaled.map(({ column }) => [names[column], this.scaleOf(column)]));
  }

  /** Collects first values until they are complete; returns the index of the first other one. */
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

  /** The distance from the mean that a value counts with. */
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

  /** The statistics and, for standardized columns, the state of the clipping. */
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

  /** True for statistics of the same number of columns. */
  fits(statistics: Float64Array): boolean {
    return statistics.length === this.statistics.length;
  }

  /** Sets the statistics only, as a replica receives them. */
  use(data: Uint8Array): void {
    new Uint8Array(this.statistics.buffer).set(data);
  }

  /** Older checkpoints lack the first values: their statistics continue as they are. */
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
