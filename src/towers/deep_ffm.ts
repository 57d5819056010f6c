import type { Tensor } from "../graph/graph.js";
import type { Layers } from "../graph/layers.js";
import { widths } from "../schema/compiled.js";
import { checkFactors, factorTable } from "./factors.js";
import { hidden } from "./first-knobs.js";
import { denseInputs, fieldVectors, rowSum, type TowerInputs } from "./inputs.js";
import { batchTower } from "./kind.js";

const KIND = "deep_ffm";
const defaults = { hidden: [32, 16] };

/**
 * A field-aware factorization machine (Juan et al. 2016) under an MLP: logit = sum of z + MLP(z, numbers, vectors),
 * where z holds for every pair of fields i < j the products, factor by factor, of i's vector for j and j's for i.
 * `wide` is the linear part.
 */
export const deepFfm = batchTower({
  description:
    "Field-aware pairwise products: their sum, and an MLP over them. A row has `dim` factors for each other field.",
  source: { hidden: hidden(defaults.hidden) },
  compiled: { hidden: widths },
  defaults,
  table: factorTable,
  compares: true,
  check(given, problems) {
    const fields = given.tables.reduce((sum, { cells }) => sum + cells.length, 0);
    if (fields > 0) checkFactors(KIND, given, fields - 1, problems);
  },
  build(layers, inputs, { hidden }) {
    const { graph } = layers;
    const pairs = products(layers, inputs);
    const deep = layers.mlp(graph.concat([pairs, ...denseInputs(inputs)]), "mlp", hidden);
    return graph.add(layers.linear(deep, "score", 1), rowSum(graph, pairs));
  },
});

/** [B, pairs · factors]. Field i's vector for j > i is its (j - 1)th, field j's for i its i-th. */
function products({ graph }: Layers, inputs: TowerInputs): Tensor {
  const { x, cells, dim } = fieldVectors(graph, inputs, KIND);
  const others = cells - 1;
  const pairs = Array.from({ length: cells }, (_, j) => Array.from({ length: j }, (_, i) => ({ i, j }))).flat();
  const order = [...pairs.map(({ i, j }) => i * others + j - 1), ...pairs.map(({ i, j }) => j * others + i)];
  // One gather for all vectors instead of one per side, so that the gradient is a single one, too.
  const vectors = graph.gather(graph.reshape(x, ["B", cells * others, dim / others]), order);
  const [first, second] = [0, 1].map((side) => graph.slice(vectors, side * pairs.length, (side + 1) * pairs.length));
  return graph.reshape(graph.mul(first, second), ["B", (dim / others) * pairs.length]);
}
