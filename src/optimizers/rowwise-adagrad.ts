import { type Optimizer, perWeight, type SpecOf } from "./optimizer.js";

/** AdaGrad with one accumulator a row, the sum of mean(g²) over the row's weights (as in DLRM): half of AdaGrad's memory. */
export function rowwiseAdagrad(spec: SpecOf<"rowwise_adagrad">): Optimizer {
  return {
    id: 3,
    slots: [perWeight("w"), { name: "accumulator", shared: true }],
    hyper: [spec.learning_rate, spec.initial_accumulator, spec.epsilon, 0, 0],
    countsSteps: false,
  };
}
