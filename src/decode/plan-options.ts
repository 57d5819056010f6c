import type { CompiledSpec, Format } from "../spec/compiled.js";
import type { DecoderOptions } from "./options.js";

/** Maximum number of columns of a file. */
export const MAX_COLUMNS = 16384;
/** Kept rows are passed to the host when they reach this size. */
export const KEPT_BYTES = 1 << 20;

export interface PlanOptions {
  readonly capacity: number;
  readonly format: Format;
  readonly requireLabel: boolean;
  /** Labels are 0, and not read. */
  readonly unlabelled: boolean;
  /** Rows of all types are accepted. */
  readonly everyType: boolean;
  /** Report distinct-value registers that increase. */
  readonly distinct: boolean;
  /** Columns and paths whose texts are kept of every row; null: no row is kept. */
  readonly kept: readonly string[] | null;
  /** List values that never vary. */
  readonly watch: boolean;
  /** Leave a mark for every row. */
  readonly marks: boolean;
}

/** Completes options by their defaults. */
export function planOptions(spec: CompiledSpec, options: DecoderOptions): PlanOptions {
  const { capacity, format = spec.events.format, requireLabel = true, distinct = requireLabel } = options;
  const { kept = null, watch = requireLabel, unlabelled = false, marks = false, everyType = false } = options;
  return { capacity, format, requireLabel, unlabelled, everyType, distinct, kept, watch, marks };
}
