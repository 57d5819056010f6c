import type { Progress, Quality } from "../../../src/train/metrics/report.js";

const unknown: Quality = {
  examples: 0,
  logloss: null,
  auc: null,
  auc_error: null,
  normalized_entropy: null,
  calibration: null,
};

/** The progress of a run that has learned nothing. */
export const noProgress: Progress = {
  examples: 0,
  examples_this_run: 0,
  rejected: 0,
  duplicates: 0,
  tombstones: 0,
  warnings: [],
  skipped: 0,
  clipped: { numbers: 0, times: 0, batches: 0 },
  unsaved: 0,
  seconds: 0,
  lifetime: unknown,
  window: unknown,
  oracle_auc: null,
  seen: null,
  calibrated: null,
  slices: [],
  left_out: 0,
  group_auc: null,
  join: null,
  validation: null,
  table_rows: 0,
  table_bytes: 0,
  memory_bytes: 0,
  done: null,
  freshness: null,
  started: null,
  passed_over: [],
  lifecycle: null,
  source: null,
};
