import { optimizerKind } from "./kind.js";
import { adagradKnobs } from "./knobs.js";

/** AdaGrad (Duchi et al. 2011): accumulator += g²; w -= learning_rate · g / (sqrt(accumulator) + epsilon). */
export const adagrad = optimizerKind({
  description: "AdaGrad, with one accumulator per weight.",
  ...adagradKnobs,
  rate: "learning_rate",
  slots: [{ name: "w" }, { name: "accumulator" }],
  number: () => 2,
  hyper: ({ learning_rate, initial_accumulator, epsilon }) => [learning_rate, initial_accumulator, epsilon],
});
