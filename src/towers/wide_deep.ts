import { firstKnobs, hidden, noKnobs } from "./first-knobs.js";
import { stack } from "./inputs.js";
import { batchTower } from "./kind.js";

const defaults = { ...noKnobs, hidden: [256, 128] };

/**
 * Wide & Deep (Cheng et al. 2016): an MLP over all inputs, concatenated; the wide table's weights are added to its
 * logit.
 */
export const wideDeep = batchTower({
  description: "MLP beside `wide` (Cheng 2016).",
  source: { hidden: hidden(defaults.hidden) },
  compiled: firstKnobs,
  defaults,
  needsWide: true,
  build: (layers, inputs, { hidden }) =>
    layers.linear(layers.mlp(stack(layers.graph, inputs), "mlp", hidden), "score", 1),
});
