import { constantOf, offsetOf, structOf } from "../kernels/layouts.js";
import { ensureBytes } from "../kernels/wasm.js";
import { type MetricKernel, metricKernel } from "./kernel.js";

/** Rows passed to the kernel at a time. */
const INPUT_ROWS = 4096;
/** Score, label and weight of each. */
const COLUMNS = 3;
/** Rows kept individually before they are counted in cells. */
export const KEPT_ROWS = 65_536;
/** Bytes of a row that is kept. */
const ROW = structOf("metric", "Row").size;
/** f64 of the totals, among them the loss and a factor whose logarithm is not yet included in it. */
export const TOTALS = structOf("metric", "Totals").size / 8;
const LOSS = offsetOf("metric", "Totals", "loss") / 8;
export const FACTOR = offsetOf("metric", "Totals", "factor") / 8;
/** f64 of a cell in a list, and of what is measured. */
const CELL = structOf("metric", "Cell").size / 8;
const RESULT = structOf("metric", "Result").size / 8;
/** Cells to place by weight; those needed around them are added, up to MOST_CELLS. */
const CELLS = 12_000;
const MOST_CELLS = constantOf("metric", "MOST_CELLS");

/** Sums over scored events: of weights, of weight × label, × probability and × log loss. */
export interface ScoreSums {
  readonly weight: number;
  readonly positive: number;
  readonly predicted: number;
  readonly loss: number;
}

export type Totals = Float64Array<ArrayBuffer>;

/** Adds two totals. */
export function sum(one: Totals, other: Totals): Totals {
  const totals = Float64Array.from(one, (value, i) => value + other[i]);
  totals[FACTOR] = 1;
  return totals;
}

/** Reads totals. */
export function scoreSums([, , weight, positive, predicted, loss]: Float64Array): ScoreSums {
  return { weight, positive, predicted, loss };
}

/** Weights of negatives and positives in every cell of the layout. `scratch` is empty between calls. */
export type Accumulator = "scratch" | "all" | "window" | "segment";
/** f64[3] a cell: its id and the weights. */
export type CellList = Float64Array<ArrayBuffer>;

/** An owner of weights that were taken. */
interface Holder {
  cells?: Float32Array<ArrayBuffer>;
}

/**
 * The metric kernel: counts examples, keeps the newest rows individually, and counts rows in the cells of a layout. Rows are
 * ordered f32 scores; a layout is a set of cells, narrow where scores are dense.
 */
export class ScoreCells {
  private readonly memory: WebAssembly.Memory;
  private readonly kernel: MetricKernel;
  private readonly probabilities: number;
  /**
   * Addresses: a call's rows, totals of the rows since `takeTotals`, the kept rows, space for sorting, two lists and their sum,
   * and the places of the former layout's cells.
   */
  private readonly at: Record<
    "input" | "totals" | "kept" | "sort" | "other" | "a" | "b" | "sum" | "places" | Accumulator,
    number
  >;
  /** Buffers to reuse: weights are taken hundreds of times, and allocating costs more than copying. */
  private readonly spare: Float32Array<ArrayBuffer>[] = [];
  /** Rows kept. */
  rows = 0;
  /** Ids of the cells to count in; empty at first. */
  layout: Float64Array<ArrayBuffer> = new Float64Array(0);

  /** @param scores what is counted: logits, or probabilities */
  constructor(scores: "logits" | "probabilities") {
    const { memory, kernel, base } = metricKernel();
    this.memory = memory;
    this.kernel = kernel;
    this.probabilities = scores === "probabilities" ? 1 : 0;
    const list = (KEPT_ROWS + MOST_CELLS) * CELL * 8;
    const rows = KEPT_ROWS * ROW;
    const totals = base + INPUT_ROWS * COLUMNS * 4;
    const kept = totals + 2 * TOTALS * 8;
    const sort = kept + rows;
    const a = sort + 2 * rows;
    const b = a + list;
    const sum = a + 2 * list;
    const scratch = a + 4 * list;
    const each = MOST_CELLS * 16;
    const [all, window, segment] = [1, 2, 3].map((n) => scratch + n * each);
    const places = segment + each;
    this.at = { input: base, totals, kept, sort, other: sort + rows, a, b, sum, scratch, all, window, segment, places };
    ensureBytes(memory, places + MOST_CELLS * 4);
    this.takeTotals();
  }

  /** Most rows per call of `count`. */
  get room(): number {
    return Math.min(INPUT_ROWS, KEPT_ROWS - this.rows);
  }

  /** Adds examples to the totals, and keeps them. */
  count(scores: Float32Array, labels: Float32Array, weights: Float32Array): void {
    const input = new Float32Array(this.memory.buffer, this.at.input, INPUT_ROWS * COLUMNS);
    input.set(scores, 0);
    input.set(labels, INPUT_ROWS);
    input.set(weights, INPUT_ROWS * 2);
    const column = (index: number) => this.at.input + index * INPUT_ROWS * 4;
    const { totals, kept } = this.at;
    const rows = scores.length;
    const to = kept + this.rows * ROW;
    this.kernel.accumulate(totals, to, column(0), this.probabilities, column(1), column(2), rows);
    this.rows += rows;
  }

  /** The totals since the last `takeTotals`. */
  totals(): Float64Array<ArrayBuffer> {
    const totals = this.floats(this.at.totals, TOTALS).slice();
    totals[LOSS] += this.kernel.ln(totals[FACTOR]);
    totals[FACTOR] = 1;
    return totals;
  }

  takeTotals(): void {
    this.floats(this.at.totals, TOTALS).fill(0)[FACTOR] = 1;
  }

  /** The kept rows from `from` on, each score in a cell of its own. */
  list(from = 0, to = this.rows): CellList {
    const { kept, sort, other, a } = this.at;
    const rows = to - from;
    this.bytes(sort, rows * ROW).set(this.bytes(kept + from * ROW, rows * ROW));
    return this.listAt(a, this.kernel.toCells(this.kernel.sort(sort, other, rows), rows, a));
  }

  /** Adds kept rows to an accumulator. */
  tally(into: Accumulator, from = 0, to = this.rows): void {
    this.kernel.tally(this.at.kept + from * ROW, to - from, this.at[into]);
  }

  /**
   * For the rows in `scratch`, how wrong their AUC may be, and how crowded their larger class is: half of the probability that
   * two are in one cell.
   */
  coarseness(): { error: number; crowding: number } {
    this.kernel.measureAll(this.at.scratch);
    return { error: this.kernel.aucError(), crowding: this.kernel.crowding(this.rows) };
  }

  /** Adds `scratch` to the other accumulators. */
  commit(): void {
    const { scratch, all, window, segment } = this.at;
    this.kernel.moveTo(scratch, all, window, segment);
  }

  /** Drops the kept rows. */
  clear(): void {
    this.rows = 0;
  }

  /** An accumulator's weights, f64[cells × 2]: a view. */
  weights(of: Accumulator): Float64Array<ArrayBuffer> {
    return this.floats(this.at[of], this.layout.length * 2);
  }

  /** An accumulator's weights as f32; it is empty afterwards. */
  take(of: Accumulator): Float32Array<ArrayBuffer> {
    const { a } = this.at;
    this.kernel.takeSingles(this.at[of], a);
    const length = this.layout.length * 2;
    const taken = (this.spare.pop() ?? new Float32Array(MOST_CELLS * 2)).subarray(0, length);
    taken.set(new Float32Array(this.memory.buffer, a, length));
    return taken;
  }

  /** Discards a holder's cells. */
  forget(holder: Holder): void {
    const { cells } = holder;
    if (cells?.buffer.byteLength === MOST_CELLS * 8) this.spare.push(new Float32Array(cells.buffer));
    delete holder.cells;
  }

  /** Adds taken weights to an accumulator. */
  put(weights: Float32Array, into: Accumulator): void {
    const { a } = this.at;
    new Float32Array(this.memory.buffer, a, weights.length).set(weights);
    this.kernel.addSingles(a, this.at[into]);
  }

  /** Moves a holder's cells into an accumulator. */
  putBack(holder: Holder, into: Accumulator): void {
    if (holder.cells) this.put(holder.cells, into);
    this.forget(holder);
  }

  /** Taken weights as a list; `scratch` is empty before and after. */
  listOfTaken(weights: Float32Array): CellList {
    this.put(weights, "scratch");
    const list = this.listOf("scratch");
    this.weights("scratch").fill(0);
    return list;
  }

  /**
   * Moves weights that were taken with another layout to the smallest cells of the present one that contain theirs;
   * `scratch` is empty before and after.
   */
  moveTaken(before: Float64Array, holders: readonly Holder[]): void {
    const { a, places, scratch } = this.at;
    this.floats(a, before.length).set(before);
    this.kernel.placesOf(a, before.length, places);
    for (const holder of holders) {
      if (!holder.cells) continue;
      new Float32Array(this.memory.buffer, a, holder.cells.length).set(holder.cells);
      this.kernel.moveSingles(a, before.length, places, scratch);
      this.forget(holder);
      holder.cells = this.take("scratch");
    }
  }

  /** Switches to `layout`; every accumulator is empty then. */
  use(layout: Float64Array<ArrayBuffer>): void {
    for (const accumulator of ["scratch", "all", "window", "segment"] as const) this.weights(accumulator).fill(0);
    this.layout = layout;
    this.floats(this.at.a, layout.length).set(layout);
    this.kernel.layOut(this.at.a, layout.length);
  }

  /** A layout that is fine wherever any of the lists has weight. */
  design(lists: readonly CellList[]): Float64Array<ArrayBuffer> {
    const { a, b, sum } = this.at;
    let cells = 0;
    for (const list of lists) {
      const count = this.give(list, b);
      this.kernel.toShares(b, count);
      cells = this.kernel.shrink(sum, this.kernel.merge(a, cells, b, count, sum), CELLS);
      this.bytes(a, cells * CELL * 8).set(this.bytes(sum, cells * CELL * 8));
    }
    return this.floats(a, this.kernel.design(sum, cells, a)).slice();
  }

  /** An accumulator as a list, without empty cells. */
  listOf(accumulator: Accumulator): CellList {
    return this.listAt(this.at.a, this.kernel.listOf(this.at[accumulator], this.at.a));
  }

  /** Adds a list to an accumulator: each cell to the smallest cell of the layout that contains it. */
  spread(list: CellList, into: Accumulator): void {
    const { a } = this.at;
    this.kernel.spread(a, this.give(list, a), this.at[into]);
  }

  /**
   * The numbers of a Result: rows, skipped, weight, positives, logloss, auc, normalized entropy, calibration, largest error of
   * auc.
   */
  evaluate(totals: Float64Array, list: CellList): number[] {
    const { a, b, sum } = this.at;
    this.floats(b, TOTALS).set(totals);
    this.kernel.evaluate(b, a, this.give(list, a), sum);
    return [...this.floats(sum, RESULT)];
  }

  /** The kept rows, as a checkpoint saves them; views. */
  state(): { totals: Float64Array; kept: Uint8Array } {
    const { totals, kept } = this.at;
    return { totals: this.floats(totals, TOTALS), kept: this.bytes(kept, this.rows * ROW) };
  }

  restore(totals: Float64Array, kept: Uint8Array): void {
    this.rows = kept.length / ROW;
    this.floats(this.at.totals, TOTALS).set(totals);
    this.bytes(this.at.kept, kept.length).set(kept);
  }

  private give(list: CellList, at: number): number {
    this.floats(at, list.length).set(list);
    return list.length / CELL;
  }

  private listAt(at: number, cells: number): CellList {
    return this.floats(at, cells * CELL).slice();
  }

  private floats(at: number, length: number): Float64Array<ArrayBuffer> {
    return new Float64Array(this.memory.buffer as ArrayBuffer, at, length);
  }

  private bytes(at: number, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, at, length);
  }
}
