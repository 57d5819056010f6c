import { type Optimizer, perWeight, type SpecOf } from "./optimizer.js";

/** AdaGrad (Duchi et al. 2011): accumulator += g²; w -= learning_rate · g / (sqrt(accumulator) + epsilon). */
export function adagrad(spec: SpecOf<"adagrad">): Optimizer {
  return {
    id: 2,
    slots: [perWeight("w"), perWeight("accumulator")],
    hyper: [spec.learning_rate, spec.initial_accumulator, spec.epsilon, 0, 0],
    countsSteps: false,
  };
}
