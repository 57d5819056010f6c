import { checkFactors, factorTable } from "./factors.js";
import { eventTower } from "./kind.js";

/** The kernel takes a vector's factors four at a time, or two. */
const sizes = { rule: "2 or a multiple of 4", fits: (dim: number) => dim === 2 || dim % 4 === 0 };

/**
 * Field-aware factorization machine (Juan et al. 2016): a row is `dim` factors for each other field of its table and, behind them,
 * the linear weight.
 */
export const ffm = eventTower({
  description: "Field-aware factorization machine: `dim` factors a key for each other field. Learns event by event.",
  source: {},
  compiled: {},
  defaults: {},
  table: factorTable,
  wide: "none",
  model: 2,
  row: (dim) => ({ floats: dim + 1, drawn: dim }),
  check(given, problems) {
    const [{ cells }] = given.tables;
    checkFactors("ffm", given, cells.length - 2, problems, sizes); // one cell is the bias
  },
});
