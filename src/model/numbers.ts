import type { Batch } from "../core/batch.js";
import type { CompiledSpec } from "../spec/compiled.js";
import type { StateBlock } from "./model.js";

/** Standardized values are kept within this many standard deviations: one freak value must not throw the tower. */
export const MAX_DEVIATIONS = 10;

/**
 * The numeric columns of a batch, made ready for the tower: missing values replaced, `standardize` columns scaled by
 * streaming mean and variance (Welford 1962). Learning first counts the batch's values, then scales with the new
 * statistics: they hold no label, so the progressive score stays honest and the very first batch is scaled too.
 */
export class Numbers {
  /** f32[capacity × columns], what the tower reads. */
  readonly values: Float32Array;
  readonly columns: number;
  private readonly missing: Float64Array;
  /** Columns that are standardized. */
  private readonly scaled: number[];
  /** f64[columns × 3]: count, mean, sum of squared deviations. */
  private readonly statistics: Float64Array;

  constructor(spec: CompiledSpec, values: Float32Array) {
    const fields = spec.numbers.map((name) => spec.fields.find((field) => field.name === name));
    this.columns = fields.length;
    this.values = values;
    this.missing = Float64Array.from(fields, (field) => (field?.type === "numeric" ? field.missing : 0));
    this.scaled = fields.flatMap((field, c) =>
      field?.type === "numeric" && field.transform === "standardize" ? [c] : [],
    );
    this.statistics = new Float64Array(this.columns * 3);
  }

  /** Adds a batch's present values to the statistics. */
  count(batch: Batch): void {
    const x = batch.numbers;
    for (const column of this.scaled) {
      let [n, mean, squares] = this.statistics.subarray(column * 3, column * 3 + 3);
      for (let i = column; i < x.length; i += this.columns) {
        if (Number.isNaN(x[i])) continue;
        n += 1;
        const delta = x[i] - mean;
        mean += delta / n;
        squares += delta * (x[i] - mean);
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
    for (const column of this.scaled) this.standardize(x, column);
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
    return Object.fromEntries(this.scaled.map((column) => [names[column], this.scaleOf(column)]));
  }

  block(): StateBlock {
    const { buffer, byteOffset, byteLength } = this.statistics;
    return {
      name: "numbers/statistics",
      dtype: "F64",
      shape: [this.columns, 3],
      data: new Uint8Array(buffer, byteOffset, byteLength),
    };
  }

  /** A copy of the statistics: f64[columns × 3]. */
  snapshot(): Float64Array {
    return this.statistics.slice();
  }

  /** True for statistics of as many columns. */
  fits(statistics: Float64Array): boolean {
    return statistics.length === this.statistics.length;
  }

  restore(data: Uint8Array): void {
    new Uint8Array(this.statistics.buffer).set(data);
  }
}
