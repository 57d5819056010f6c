import { type Optimizer, perWeight, type SpecOf } from "./optimizer.js";

/** Stochastic gradient descent: w -= learning_rate · g. */
export function sgd(spec: SpecOf<"sgd">): Optimizer {
  return { id: 5, slots: [perWeight("w")], hyper: [spec.learning_rate, 0, 0, 0, 0], countsSteps: false };
}
