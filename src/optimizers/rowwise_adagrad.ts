import { optimizerKind } from "./kind.js";
import { adagradKnobs } from "./knobs.js";

/**
 * AdaGrad with one accumulator per row, the sum of mean(g²) over the row's weights (as in DLRM): half of AdaGrad's
 * memory.
 */
export const rowwiseAdagrad = optimizerKind({
  description: "AdaGrad, with one accumulator per row.",
  ...adagradKnobs,
  rate: "learning_rate",
  slots: [{ name: "w" }, { name: "accumulator", shared: true }],
  wholeRows: () => true,
  number: () => 3,
  hyper: ({ learning_rate, initial_accumulator, epsilon }) => [learning_rate, initial_accumulator, epsilon],
});
