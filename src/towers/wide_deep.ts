import { stack } from "./inputs.js";
import type { TowerBuilder } from "./tower.js";

/** Wide & Deep (Cheng et al. 2016): an MLP over all inputs side by side; the wide table's weights are added to its logit. */
export const wideDeep: TowerBuilder = (layers, inputs, tower) => {
  const hidden = layers.mlp(stack(layers.graph, inputs), "mlp", tower.hidden);
  return layers.linear(hidden, "score", 1);
};
