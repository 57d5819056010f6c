import { aboveZero, optional } from "../schema/basics.js";
import * as compiled from "../schema/compiled.js";
import { Type } from "../schema/typebox.js";
import { optimizerKind } from "./kind.js";
import { rate } from "./knobs.js";

const defaults = { learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
const decay = (options = {}) => Type.Number({ minimum: 0, exclusiveMaximum: 1, ...options });

/**
 * Adam (Kingma & Ba 2015). In a table it is lazy: a step moves only the rows in the batch, and the bias correction
 * counts the table's steps.
 */
export const adam = optimizerKind({
  description: "Adam.",
  source: {
    learning_rate: rate(defaults.learning_rate),
    beta1: optional(decay({ default: defaults.beta1, description: "Decay of the first moment." })),
    beta2: optional(decay({ default: defaults.beta2, description: "Decay of the second moment." })),
    epsilon: optional(aboveZero("Added to the square root of the second moment.", defaults.epsilon)),
  },
  compiled: { learning_rate: compiled.aboveZero, beta1: decay(), beta2: decay(), epsilon: compiled.aboveZero },
  defaults,
  rate: "learning_rate",
  slots: [{ name: "w" }, { name: "m" }, { name: "v" }],
  countsSteps: true,
  number: () => 4,
  hyper: ({ learning_rate, beta1, beta2, epsilon }) => [learning_rate, beta1, beta2, epsilon],
});
