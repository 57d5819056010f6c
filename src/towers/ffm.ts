import { eventTower } from "./kind.js";

/** Floats of all a key's vectors: what a compiled table may have. */
const MOST = 4096;

/**
 * Field-aware factorization machine (Juan et al. 2016): a row is `dim` factors for each other field of its table and, behind them,
 * the linear weight.
 */
export const ffm = eventTower({
  description: "Field-aware factorization machine: `dim` factors a key for each other field. Learns event by event.",
  source: {},
  compiled: {},
  defaults: {},
  table: {
    // The one table holds every field, so its fields are kept apart.
    defaults: { dim: 4, init: 0.05, salt: "field" },
    dim: (dim, fields) => dim * (fields - 1),
  },
  wide: "none",
  model: 2,
  row: (dim) => ({ floats: dim + 1, drawn: dim }),
  check({ tables: [{ name, dim, cells }] }, problems) {
    const others = cells.length - 2; // one cell is the bias
    const at = `tables.${name}.dim`;
    if (others < 1)
      problems.add("tables", "ffm has one field and nothing to pair it with", "give two fields the table");
    else if (dim / others !== 2 && (dim / others) % 4 !== 0)
      problems.add(at, `must be 2 or a multiple of 4 for ffm, got ${dim / others}`, "e.g. dim: 4");
    else if (dim > MOST)
      problems.add(at, `${dim / others} for each of ${others} other fields: a row has at most ${MOST}`, "e.g. dim: 4");
  },
});
