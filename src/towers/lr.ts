import { firstKnobs, noKnobs } from "./first-knobs.js";
import { eventTower } from "./kind.js";

/** Logistic regression: a row is one weight. */
export const lr = eventTower({
  description: "Logistic regression: the sum of the weights. Learns event by event.",
  source: {},
  compiled: firstKnobs,
  defaults: noKnobs,
  // The single table holds every field, so their values are kept apart.
  table: { defaults: { dim: 1, init: 0, salt: "field" }, only: { dim: 1, why: "lr has one weight per key" } },
  model: 0,
  row: () => ({ floats: 1, drawn: 1 }),
  logits: (graph, { cells }) => graph.reduceSum(cells, [1], false),
});
