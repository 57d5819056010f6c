import { firstKnobs, hidden, noKnobs } from "./first-knobs.js";
import { fieldVectors, rowSum, stack } from "./inputs.js";
import { batchTower } from "./kind.js";

const defaults = { ...noKnobs, hidden: [256, 128] };

/**
 * DeepFM (Guo et al. 2017): logit = sum over pairs of fields of e_i · e_j + MLP(all inputs), with shared embeddings.
 * The paper's linear part is the wide table. Pairs by Rendle's identity: ½ (|Σ_i e_i|² − Σ_i |e_i|²).
 */
export const deepFm = batchTower({
  description: "FM and MLP over the same embeddings, with `wide` as the linear part (Guo 2017).",
  source: { hidden: hidden(defaults.hidden) },
  compiled: firstKnobs,
  defaults,
  compares: true,
  build(layers, inputs, { hidden }) {
    const { graph } = layers;
    const { x, cells, dim } = fieldVectors(graph, inputs, "deepfm");
    const sum = graph.gemm(x, graph.constant([cells * dim, dim], stackedIdentities(cells, dim)));
    const pairs = graph.scale(graph.sub(rowSum(graph, graph.mul(sum, sum)), rowSum(graph, graph.mul(x, x))), 0.5);
    const deep = layers.linear(layers.mlp(stack(graph, inputs), "mlp", hidden), "score", 1);
    return graph.add(deep, pairs);
  },
});

function stackedIdentities(count: number, size: number): number[] {
  return Array.from({ length: count * size * size }, (_, i) => (i % size === Math.floor(i / size) % size ? 1 : 0));
}
