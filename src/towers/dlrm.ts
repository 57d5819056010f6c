import { HashbrookError } from "../core/errors.js";
import { optional, widths } from "../schema/basics.js";
import { firstKnobs, hidden, noKnobs } from "./first-knobs.js";
import { denseInputs, fieldVectors } from "./inputs.js";
import { batchTower } from "./kind.js";

const defaults = { ...noKnobs, hidden: [256, 128], bottom: [64] };

/**
 * DLRM (Naumov et al. 2019): a bottom MLP turns the dense inputs (numbers, vectors) into one more vector of the tables'
 * dim; the dot products of all pairs of vectors, concatenated with that dense vector, go through the top MLP. Without
 * dense inputs there is no bottom MLP.
 */
export const dlrm = batchTower({
  description: "Dot products of all pairs of embeddings, then an MLP (Naumov 2019).",
  source: {
    hidden: hidden(defaults.hidden),
    bottom: optional(widths("Hidden widths of the MLP over the numbers.", defaults.bottom)),
  },
  compiled: firstKnobs,
  defaults,
  compares: true,
  check({ tables, dense }, problems) {
    if (tables.reduce((sum, { cells }) => sum + cells.length, dense ? 1 : 0) !== 1) return;
    problems.add(
      "tower",
      "dlrm requires at least two vectors, got one",
      "add a second field with a table, or a numeric field",
    );
  },
  build(layers, inputs, { hidden, bottom }) {
    const { graph } = layers;
    const { x, cells, dim } = fieldVectors(graph, inputs, "dlrm");
    const dense = denseInputs(inputs);
    const below = dense.length > 0 ? [layers.mlp(graph.concat(dense), "bottom", [...bottom, dim])] : [];
    const count = cells + below.length;
    if (count < 2) {
      throw new HashbrookError("spec_invalid", "tower.dlrm: requires at least two vectors, got one", {
        hint: "add a second field with a table, or a numeric field",
      });
    }
    const vectors = graph.reshape(graph.concat([x, ...below]), ["B", count, dim]);
    const dots = graph.reshape(graph.matmul(vectors, vectors, { transB: true }), ["B", count * count]);
    const pairs = graph.gather(dots, lowerTriangle(count));
    return layers.linear(layers.mlp(graph.concat([...below, pairs]), "top", hidden), "score", 1);
  },
});

/** Positions of (i, j), j < i, in a row-major n × n matrix. */
function lowerTriangle(n: number): number[] {
  return Array.from({ length: n }, (_, i) => Array.from({ length: i }, (_, j) => i * n + j)).flat();
}
