import { optional, widths } from "../schema/basics.js";
import { firstKnobs, noKnobs } from "./first-knobs.js";
import { stack } from "./inputs.js";
import { batchTower } from "./kind.js";

const defaults = { ...noKnobs, residual: [256, 256] };

/**
 * Deep Crossing (Shan et al. 2016): x0 = all inputs, concatenated; per residual unit x' = relu(x + w1 · relu(w0 · x +
 * b0) + b1), with a configurable inner width and the outer width of x0; logit = w · x + b.
 */
export const deepCrossing = batchTower({
  description: "Residual units over the concatenated embeddings (Shan 2016).",
  source: { residual: optional(widths("Hidden width of each residual unit.", defaults.residual)) },
  compiled: firstKnobs,
  defaults,
  build(layers, inputs, { residual }) {
    const { graph } = layers;
    let x = stack(graph, inputs);
    const width = x.shape[1] as number;
    residual.forEach((inner, i) => {
      const hidden = layers.dense(x, `residual.${i}.inner`, inner);
      x = graph.relu(graph.add(layers.linear(hidden, `residual.${i}.outer`, width), x));
    });
    return layers.linear(x, "score", 1);
  },
});
