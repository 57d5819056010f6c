import { defaults } from "../../tables/spec.js";
import { byInformation } from "../shares.js";
import type { Strategy, TunedTable } from "./strategy.js";
import { everyTable, int8Options } from "./table-options.js";

/** The thresholds: the factor by which a vector must have grown since its start. */
const TIMES = [2, 8];

/**
 * Row thresholds (OptEmbed, Lyu et al. 2022) by table: rows whose vectors have not reached this length make room first.
 * OptEmbed learns the thresholds by gradients through a mask over all rows; here they are a few fixed values, from which the
 * race chooses.
 */
export const rowThresholds: Strategy = {
  name: "row_threshold",
  description: "thresholds on the norm of a row's vector, one per table: rows below it are evicted first",
  *propose(problem) {
    if (problem.byEvent) return;
    const shares = byInformation(problem.tables, problem.budget * 3);
    for (const times of TIMES)
      yield {
        name: `int8-x${times}`,
        tables: everyTable(problem, shares, (table) => ({
          options: {
            ...int8Options(table),
            encoding: "exact",
            eviction: { policy: "lru", l2_weight_threshold: times * startingLength(table) },
          },
          reason: `rows whose norm is below ${times} times the initial one are evicted first, then the least recently used`,
        })),
      };
  },
};

/** The root mean square of a new row's length. */
function startingLength({ dim, compiled }: TunedTable): number {
  const init = compiled.init || defaults.init;
  return Number((init * Math.sqrt(dim / 3)).toPrecision(3));
}
