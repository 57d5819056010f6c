/** Defaults of the spec language that belong to no kind (those are with the kinds, e.g. in src/towers). `features/README.md` and the JSON Schema quote these values. */
export const defaults = {
  separator: { tsv: "\t", csv: "," },
  header: false,
  label: "label",
  positive: "1",
  soft: false,
  id_window: 1_000_000,
  time_unit: "ms",
  bag: { separator: "|", combiner: "mean", max_length: 50 },
  vector: { separator: "|" },
  numeric: { transform: "raw", missing: 0 },
  /** Boundaries from `min` to `max` with `per_doubling` steps in each doubling. */
  log_buckets: { per_doubling: 4, min: 1, max: 2 ** 32 },
  table: { encoding: "exact", rows: 1024, dim: 16, init: 0.01, salt: "table" },
  wide: { bits: 22, init: 0, salt: "field" },
  /** Fields of a shared table are kept apart: the pool is for all of them. */
  shared_salt: "field",
  shared: { lookups: 2, combine: "concat" },
  compositional: { partitions: 2, scheme: "mixed_radix", combine: "mult" },
  multi_hash: { hashes: 2 },
  /** A long code, a narrow decoder and AdaGrad learned best of what a CPU can train (docs/COMPRESSION.md). */
  dhe: {
    hashes: 128,
    code: "gaussian",
    depth: 2,
    width: 64,
    activation: "relu",
    batch_norm: false,
    optimizer: { adagrad: { learning_rate: 0.02 } },
    cache_rows: 65536,
  },
  hot_cold: { hotness: "gradient", threshold: 2, decay: 0.99, decay_steps: 100, cold: { encoding: "shared" } },
  low_dim: { dim: 4, optimizer: "adam", alpha: 0.3 },
  admission: { filter_capacity: 1_000_000 },
  runtime: "onnxruntime",
  train: { batch: 512, event_batch: 4096, warmup_batches: 16, seed: 42, window: 100_000 },
} as const;
