import * as compiled from "../schema/compiled.js";
import { optimizerKind } from "./kind.js";
import { rate } from "./knobs.js";

const defaults = { learning_rate: 0.05 };

/** Stochastic gradient descent: w -= learning_rate · g. */
export const sgd = optimizerKind({
  description: "Plain stochastic gradient descent.",
  source: { learning_rate: rate(defaults.learning_rate) },
  compiled: { learning_rate: compiled.aboveZero },
  defaults,
  rate: "learning_rate",
  slots: [{ name: "w" }],
  number: () => 5,
  hyper: ({ learning_rate }) => [learning_rate],
});
