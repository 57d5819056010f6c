import type { TableKernel, WideKernel } from "./table.js";

/**
 * The part of kernels/table.wasm that learns event by event. The order of calls: configureOptimizer, configureRow,
 * openEvents, setParts, every setBag and setConstant, openModel, then open.
 */
export interface EventKernel extends TableKernel, WideKernel {
  /** Returns the address of the region that takes the batch's parts, 0 where the memory limit forbids it. */
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
  /** Events are weighted as fake negatives are (model/served-logits.ts). */
  setFakeWeights(on: number): void;
  /** Takes the workspace of the model of this number (assembly/table/event-models.ts) for events of up to `most` features of `cells` cells. */
  openModel(model: number, most: number, cells: number, wide: number): number;
  /**
   * Events skipped, or -1 where the table has no room for the batch's new keys: with nothing changed, or, of a table with a
   * budget, after the events that still fitted.
   */
  learnEvents(rows: number): number;
  scoreEvents(rows: number): void;
}

/** The column of a constant feature that is the bias: always 1. */
export const BIAS_COLUMN = 0xffffffff;
