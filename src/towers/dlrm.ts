import { HashbrookError } from "../core/errors.js";
import { denseInputs, fieldVectors } from "./inputs.js";
import type { TowerBuilder } from "./tower.js";

/**
 * DLRM (Naumov et al. 2019): a bottom MLP turns the dense inputs (numbers, vectors) into one more vector of the tables'
 * dim; the dot products of all pairs of vectors, beside that dense vector, go through the top MLP. Without dense inputs
 * there is no bottom MLP.
 */
export const dlrm: TowerBuilder = (layers, inputs, tower) => {
  const { graph } = layers;
  const { x, cells, dim } = fieldVectors(graph, inputs, "dlrm");
  const dense = denseInputs(inputs);
  const bottom = dense.length > 0 ? [layers.mlp(graph.concat(dense), "bottom", [...tower.bottom, dim])] : [];
  const count = cells + bottom.length;
  if (count < 2) {
    throw new HashbrookError("spec_invalid", "tower.dlrm: has one field vector and nothing to pair it with", {
      hint: "give it at least two fields with a table, or one and a numeric field",
    });
  }
  const vectors = graph.reshape(graph.concat([x, ...bottom]), ["B", count, dim]);
  const dots = graph.reshape(graph.matmul(vectors, vectors, { transB: true }), ["B", count * count]);
  const pairs = graph.gather(dots, lowerTriangle(count));
  return layers.linear(layers.mlp(graph.concat([...bottom, pairs]), "top", tower.hidden), "score", 1);
};

/** Positions of (i, j), j < i, in a row-major n × n matrix. */
function lowerTriangle(n: number): number[] {
  return Array.from({ length: n }, (_, i) => Array.from({ length: i }, (_, j) => i * n + j)).flat();
}
