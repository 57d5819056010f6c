import { byInformation } from "../shares.js";
import type { Strategy } from "./strategy.js";
import { everyTable } from "./table-options.js";

/** The penalties: what a row's gradients must outweigh before it has a vector. */
const PENALTIES = [0.01, 0.1];

/**
 * Group-lasso FTRL (Yue et al. 2021): a row is all zero, and takes no memory, until its gradients outweigh a penalty. Fields
 * that tell little lose most rows.
 */
export const lasso: Strategy = {
  name: "lasso",
  description: "group-lasso FTRL: rows with small gradients are zero and removed, most of them in uninformative fields",
  *propose(problem) {
    const { tables, budget, byEvent } = problem;
    if (byEvent || tables.some(({ compiled }) => compiled.optimizer.kind !== "ftrl")) return;
    const shares = byInformation(tables, budget);
    for (const l21 of PENALTIES)
      yield {
        name: `l21-${l21}`,
        tables: everyTable(problem, shares, ({ options, compiled }) => ({
          options: {
            ...options,
            optimizer: { ftrl: { ...knobsOf(compiled.optimizer), l21 } },
            encoding: "exact",
            eviction: { policy: "lru" },
          },
          reason: `rows stay zero and are removed until their gradients exceed ${l21}; then the least recently used are evicted`,
        })),
      };
  },
};

const knobsOf = ({ kind: _, ...knobs }: Readonly<Record<string, unknown>>) => knobs;
