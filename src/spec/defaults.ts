import { defaults as rows } from "../tables/spec.js";

/**
 * Defaults of the spec language that belong to no kind (those are with the kinds, e.g. in src/towers, src/encodings).
 * `features/README.md` and the JSON Schema quote these values.
 */
export const defaults = {
  separator: { tsv: "\t", csv: "," },
  header: false,
  label: "label",
  positive: "1",
  soft: false,
  id_window: 1_000_000,
  time_unit: "ms",
  time_zone: "UTC",
  join: { window: "15m", lateness: "1m", skew: "5s" },
  table: { dim: 16, init: rows.init, salt: "table" },
  wide: { bits: 22, init: 0, salt: "field" },
  runtime: "onnxruntime",
  calibration: { method: "isotonic", slices: 64, half_life: 100_000 },
  gate: { action: "hold", window: 2000, warmup: 10, sigmas: 6 },
  train: { batch: 512, event_batch: 4096, warmup_batches: 16, seed: 42, window: 100_000 },
} as const;
