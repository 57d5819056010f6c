import { firstKnobs, noKnobs } from "./first-knobs.js";
import { eventTower } from "./kind.js";

/** Factorization machine (Rendle 2010): a row has `dim` factors, followed by the linear weight. */
export const fm = eventTower({
  description: "Factorization machine with `dim` factors per key. Learns event by event.",
  source: {},
  compiled: firstKnobs,
  defaults: noKnobs,
  // The single table holds every field, so their values are kept apart.
  table: { defaults: { dim: 8, salt: "field" } },
  model: 1,
  row: (dim) => ({ floats: dim + 1, drawn: dim }),
  logits(graph, { cells, squares }) {
    const factors = (cells.shape[2] as number) - 1;
    const sums = graph.reduceSum(cells, [1], false);
    const v = graph.slice(sums, 0, factors);
    const pairs = graph.sub(graph.mul(v, v), graph.slice(squares, 0, factors));
    return graph.add(graph.slice(sums, factors, factors + 1), graph.scale(graph.reduceSum(pairs, [1], true), 0.5));
  },
});
