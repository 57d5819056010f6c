import type { Tensor } from "../graph/graph.js";
import type { Layers } from "../graph/layers.js";
import { optional, size } from "../schema/basics.js";
import { Type } from "../schema/typebox.js";
import { firstKnobs, hidden, noKnobs } from "./first-knobs.js";
import { stack } from "./inputs.js";
import { batchTower } from "./kind.js";

const defaults = { ...noKnobs, hidden: [256, 128], cross_layers: 2, rank: 0 };

/**
 * DCN V2 (Wang et al. 2021), parallel: cross layers x' = x0 ⊙ (W x + b) + x beside an MLP over x0; logit = linear over
 * both, concatenated. rank > 0 makes W = V U with U [width, rank], V [rank, width]; 0 is a full W.
 */
export const dcnV2 = batchTower({
  description: "Cross network beside an MLP (Wang 2021).",
  source: {
    hidden: hidden(defaults.hidden),
    cross_layers: optional(size("Number of cross layers.", { maximum: 16, default: defaults.cross_layers })),
    rank: optional(
      Type.Integer({
        minimum: 0,
        maximum: 4096,
        default: defaults.rank,
        description: "Rank of each cross matrix; 0: full rank.",
      }),
    ),
  },
  compiled: firstKnobs,
  defaults,
  build(layers, inputs, { hidden, cross_layers, rank }) {
    const { graph } = layers;
    const x0 = stack(graph, inputs);
    let x = x0;
    for (let i = 0; i < cross_layers; i++) {
      x = graph.add(graph.mul(x0, crossed(layers, x, `cross.${i}`, rank)), x);
    }
    const deep = hidden.length > 0 ? [layers.mlp(x0, "mlp", hidden)] : [];
    return layers.linear(graph.concat([x, ...deep]), "score", 1);
  },
});

function crossed(layers: Layers, x: Tensor, name: string, rank: number): Tensor {
  const width = x.shape[1] as number;
  return layers.linear(rank > 0 ? layers.projection(x, `${name}.u`, rank) : x, name, width);
}
