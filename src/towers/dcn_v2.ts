import type { Tensor } from "../graph/graph.js";
import type { Layers } from "../graph/layers.js";
import { stack } from "./inputs.js";
import type { TowerBuilder } from "./tower.js";

/**
 * DCN V2 (Wang et al. 2021), parallel: cross layers x' = x0 ⊙ (W x + b) + x beside an MLP over x0; logit = linear over both
 * side by side. rank > 0 makes W = V U with U [width, rank], V [rank, width].
 */
export const dcnV2: TowerBuilder = (layers, inputs, tower) => {
  const { graph } = layers;
  const x0 = stack(graph, inputs);
  let x = x0;
  for (let i = 0; i < tower.cross_layers; i++) {
    x = graph.add(graph.mul(x0, crossed(layers, x, `cross.${i}`, tower.rank)), x);
  }
  const deep = tower.hidden.length > 0 ? [layers.mlp(x0, "mlp", tower.hidden)] : [];
  return layers.linear(graph.concat([x, ...deep]), "score", 1);
};

function crossed(layers: Layers, x: Tensor, name: string, rank: number): Tensor {
  const width = x.shape[1] as number;
  return layers.linear(rank > 0 ? layers.projection(x, `${name}.u`, rank) : x, name, width);
}
