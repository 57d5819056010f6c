import type { TableKernel, WideKernel } from "./table.js";

/**
 * The exports of kernels/table.wasm for models that learn event by event. Order of calls: configureOptimizer,
 * configureRow, openEvents, setParts, every setBag and setConstant, openModel, then open.
 */
export interface EventKernel extends TableKernel, WideKernel {
  /** Returns the address of the region for the batch's parts, 0 if the memory limit is exceeded. */
  openEvents(
    rows: number,
    bytes: number,
    singles: number,
    columns: number,
    bags: number,
    constants: number,
    most: number,
  ): number;
  /** Sets the address of the singles' keys, u64[rows × singles]; those of events that are not read yet may come later. */
  setKeys(at: number): void;
  setParts(keys: number, numbers: number, labels: number, importance: number): void;
  setBag(bag: number, offsets: number, keys: number, weights: number, combiner: number): void;
  setConstant(constant: number, key: bigint, column: number): void;
  logits(): number;
  /** Enables weighting of events for fake negatives (model/served-logits.ts). */
  setFakeWeights(on: number): void;
  /**
   * Allocates the workspace of model number `model` (assembly/table/event-models.ts) for events of up to `most`
   * features in `cells` cells.
   */
  openModel(model: number, most: number, cells: number, wide: number): number;
  /** Begins a batch; 0, with nothing changed, if the table has no room for its new keys. An exact table needs all keys. */
  beginEvents(rows: number): number;
  /**
   * Learns events [from, to), in order; `from` is a multiple of 32. Returns the number of skipped events, or -1 if a
   * table with a budget has no room for a new row; the events that still fitted were learned.
   */
  learnEvents(from: number, to: number): number;
  scoreEvents(rows: number): void;
}

/** Column number that marks a constant feature as the bias, whose value is always 1. */
export const BIAS_COLUMN = 0xffffffff;
