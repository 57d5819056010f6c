import { type Optimizer, perWeight, type SpecOf } from "./optimizer.js";

/**
 * Adam (Kingma & Ba 2015). In a table it is lazy: a step moves only the rows it touched, and the bias correction counts
 * the table's steps.
 */
export function adam(spec: SpecOf<"adam">): Optimizer {
  return {
    id: 4,
    slots: [perWeight("w"), perWeight("m"), perWeight("v")],
    hyper: [spec.learning_rate, spec.beta1, spec.beta2, spec.epsilon, 0],
    countsSteps: true,
  };
}
