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
  /**
   * Returns the number of skipped events, or -1 if the table has no room for the batch's new keys. Nothing is changed
   * then, except in a table with a budget, where the events that still fitted were learned.
   */
  learnEvents(rows: number): number;
  scoreEvents(rows: number): void;
}

/** Column number that marks a constant feature as the bias, whose value is always 1. */
export const BIAS_COLUMN = 0xffffffff;
