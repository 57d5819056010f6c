import type { OptimizerSpec } from "../../src/spec/compiled.js";

/** One spec of every optimizer, by the name tests show. */
export const optimizerSpecs: Readonly<Record<string, OptimizerSpec>> = {
  ftrl: { kind: "ftrl", alpha: 0.05, beta: 1, l1: 0.002, l2: 1e-3, l21: 0 },
  "ftrl with group lasso": { kind: "ftrl", alpha: 0.05, beta: 1, l1: 0.002, l2: 1e-3, l21: 0.01 },
  adagrad: { kind: "adagrad", learning_rate: 0.05, initial_accumulator: 0.1, epsilon: 1e-8 },
  rowwise_adagrad: { kind: "rowwise_adagrad", learning_rate: 0.05, initial_accumulator: 0.1, epsilon: 1e-8 },
  adam: { kind: "adam", learning_rate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  sgd: { kind: "sgd", learning_rate: 0.1 },
};
