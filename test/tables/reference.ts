import { xxh64 } from "../../src/kernels/hash.js";
import type { CompiledSpec } from "../../src/spec/compiled.js";
import { mix } from "../mix.js";
import { packedOptimizer } from "../optimizers/packed-reference.js";
import { type ReferenceOptimizer, referenceOptimizer, type State } from "../optimizers/reference.js";
import type { Row } from "./samples.js";

export { mix } from "../mix.js";

const f = Math.fround;
const MASK = 2n ** 64n - 1n;

/** Initial weights of an identity (key or row number): outputs of splitmix64 mapped to (-init, init). */
export function drawWeights(id: bigint, seed: bigint, init: number, dim: number): number[] {
  let state = id ^ seed;
  return Array.from({ length: dim }, () => {
    state = (state + 0x9e3779b97f4a7c15n) & MASK;
    return f(f(init) * f((2 * Number(mix(state) >> 40n) + 1 - 2 ** 24) / 2 ** 24));
  });
}

interface Occurrence {
  readonly r: number;
  /** Which of the row's vectors it adds to. */
  readonly vector: number;
  readonly key: bigint;
  readonly coefficient: number | null;
}

/** A table as a Map of rows, one weight at a time: src/tables must equal it bit for bit. */
export class ReferenceTable {
  readonly rows = new Map<bigint, State>();
  private readonly model: CompiledSpec;
  private readonly optimizer: ReferenceOptimizer;
  private occurrences: Occurrence[] = [];

  constructor(model: CompiledSpec) {
    this.model = model;
    const { optimizer, precision, rounding, seed } = model.tables[0];
    this.optimizer = precision
      ? packedOptimizer(optimizer, precision, rounding, BigInt(`0x${seed}`))
      : referenceOptimizer(optimizer);
  }

  get width(): number {
    return this.table.cells.reduce((sum, { items = 1 }) => sum + items, 0) * this.table.dim;
  }

  private get table() {
    return this.model.tables[0];
  }

  /** The identity of a key's row: the key itself, or its row number. */
  idOf(key: bigint): bigint {
    return this.table.encoding === "exact" ? key : key % BigInt(this.table.rows);
  }

  weightsOf(key: bigint): number[] {
    return this.optimizer.weights(this.rows.get(this.idOf(key)) ?? this.fresh(this.idOf(key)));
  }

  gather(rows: readonly Row[], learn: boolean): Float32Array {
    const { dim } = this.table;
    this.occurrences = this.occurrencesOf(rows);
    const x = new Float32Array(rows.length * this.width);
    for (const { r, vector, key, coefficient } of this.occurrences) {
      const id = this.idOf(key);
      if (learn && !this.rows.has(id)) this.rows.set(id, this.fresh(id));
      this.weightsOf(key).forEach((w, i) => {
        const at = r * this.width + vector * dim + i;
        x[at] = coefficient === null ? w : x[at] + f(coefficient * w);
      });
    }
    return x;
  }

  apply(gradient: Float32Array): void {
    const { dim } = this.table;
    const sums = new Map<bigint, number[]>();
    for (const { r, vector, key, coefficient } of this.occurrences) {
      const sum = sums.get(this.idOf(key)) ?? Array<number>(dim).fill(0);
      sums.set(this.idOf(key), sum);
      for (let i = 0; i < dim; i++) {
        const g = gradient[r * this.width + vector * dim + i];
        sum[i] = f(sum[i] + (coefficient === null ? g : f(coefficient * g)));
      }
    }
    this.optimizer.beginStep();
    for (const [id, g] of sums) this.optimizer.update(this.rows.get(id) as State, g);
  }

  private fresh(id: bigint): State {
    const { seed, init, dim } = this.table;
    return this.optimizer.create(drawWeights(id, BigInt(`0x${seed}`), init, dim));
  }

  /** Singles row by row, then the other cells one after the other. */
  private occurrencesOf(rows: readonly Row[]): Occurrence[] {
    const { cells } = this.table;
    const kinds = cells.map(({ kind }) => kind);
    const singles = rows.flatMap(({ singles = [] }, r) =>
      singles.map((key, vector) => ({ r, vector, key, coefficient: null })),
    );
    const bags = cells.flatMap((_, cell) => (kinds[cell] === "bag" ? this.bagOccurrences(rows, cell) : []));
    const constants = cells.flatMap(({ field, kind, seed }, cell) => {
      if (kind !== "number" && kind !== "bias") return [];
      const key = xxh64(field, BigInt(`0x${seed}`));
      const column = this.model.numbers.indexOf(field);
      return rows.map(({ numbers = [] }, r) => ({
        r,
        vector: this.firstVector(cell),
        key,
        coefficient: kind === "bias" ? 1 : numbers[column] || 0,
      }));
    });
    return [...singles, ...bags, ...constants];
  }

  /** Where a cell's vectors begin in a row. */
  private firstVector(cell: number): number {
    return this.table.cells.slice(0, cell).reduce((sum, { items = 1 }) => sum + items, 0);
  }

  private bagOccurrences(rows: readonly Row[], cell: number): Occurrence[] {
    const field = this.model.fields.find(({ name }) => name === this.table.cells[cell].field);
    const { items } = this.table.cells[cell];
    const combiner = field?.type === "bag" && items === undefined ? field.combiner : "sum";
    const index = cell - this.table.cells.filter(({ kind }) => kind === "single").length;
    return rows.flatMap(({ bags = [] }, r) => {
      const divisor = divisorOf(
        combiner,
        bags[index].map(({ weight }) => weight),
      );
      return bags[index].map(({ key, weight }, i) => ({
        r,
        vector: this.firstVector(cell) + (items === undefined ? 0 : i),
        key,
        coefficient: divisor === 0 ? 0 : f(weight / divisor),
      }));
    });
  }
}

function divisorOf(combiner: string, weights: readonly number[]): number {
  if (combiner === "sum") return 1;
  if (combiner === "mean") return weights.reduce((sum, w) => f(sum + w), 0);
  return f(Math.sqrt(weights.reduce((sum, w) => f(sum + f(w * w)), 0)));
}
