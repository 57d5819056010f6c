/** Every default of the spec language, in one place. `features/README.md` and the JSON Schema quote these values. */
export const defaults = {
  separator: { tsv: "\t", csv: "," },
  header: false,
  label: "label",
  positive: "1",
  id_window: 1_000_000,
  time_unit: "ms",
  bag: { separator: "|", combiner: "mean", max_length: 50 },
  vector: { separator: "|" },
  numeric: { transform: "raw", missing: 0 },
  /** Boundaries from `min` to `max` with `per_doubling` steps in each doubling. */
  log_buckets: { per_doubling: 4, min: 1, max: 2 ** 32 },
  table: { encoding: "exact", rows: 1024, dim: 16, init: 0.01, salt: "table" },
  /** The one table of lr and fm holds every field, so its fields are kept apart by default. */
  lr: { init: 0, salt: "field" },
  fm: { dim: 8, salt: "field" },
  wide: { bits: 22, init: 0, salt: "field" },
  table_optimizer: "ftrl",
  tower_optimizer: "adam",
  optimizer: {
    ftrl: { alpha: 0.2, beta: 0.05, l1: 0, l2: 0, l21: 0 },
    adagrad: { learning_rate: 0.05, initial_accumulator: 0, epsilon: 1e-10 },
    rowwise_adagrad: { learning_rate: 0.05, initial_accumulator: 0, epsilon: 1e-10 },
    adam: { learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
    sgd: { learning_rate: 0.05 },
  },
  /** FTRL where every gradient is one event's (lr, fm) or the sum over a linear part (wide): slower, more damped. */
  linear_ftrl: { alpha: 0.1, beta: 1 },
  tower: {
    lr: {},
    fm: {},
    deep_crossing: { residual: [256, 256] },
    wide_deep: { hidden: [256, 128] },
    deepfm: { hidden: [256, 128] },
    dcn_v2: { hidden: [256, 128], cross_layers: 2, rank: 0 },
    dlrm: { hidden: [256, 128], bottom: [64] },
  },
  runtime: "onnxruntime",
  train: { batch: 512, event_batch: 4096, seed: 42, window: 100_000 },
} as const;
