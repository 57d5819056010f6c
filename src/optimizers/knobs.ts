import { aboveZero, atLeastZero, optional } from "../schema/basics.js";
import * as compiled from "../schema/compiled.js";

export const rate = (value: number) => optional(aboveZero("Learning rate.", value));

const defaults = { learning_rate: 0.05, initial_accumulator: 0, epsilon: 1e-10 };

/** The options common to both forms of AdaGrad. */
export const adagradKnobs = {
  source: {
    learning_rate: rate(defaults.learning_rate),
    initial_accumulator: optional(
      atLeastZero("Initial value of the sum of squared gradients.", defaults.initial_accumulator),
    ),
    epsilon: optional(aboveZero("Added to the square root of the sum.", defaults.epsilon)),
  },
  compiled: {
    learning_rate: compiled.aboveZero,
    initial_accumulator: compiled.atLeastZero,
    epsilon: compiled.aboveZero,
  },
  defaults,
};
