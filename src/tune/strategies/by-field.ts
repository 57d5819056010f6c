import { byInformation, byRepeated } from "../shares.js";
import type { Strategy, TableProposal, TunedTable } from "./strategy.js";
import { everyTable, int8Options, percent } from "./table-options.js";

/** Share of new ids among late occurrences above which ids count as coming and going. */
const DRIFTING = 0.05;
/** Share of ids that occurred once above which most rows would learn from a single event. */
const MOSTLY_ONCE = 0.5;

/** Chooses for each table what its own ids need, according to the profile. */
export const byField: Strategy = {
  name: "by_field",
  description: "chosen per table by its ids: rows with admission if ids come and go, shared rows if all recur",
  *propose(problem) {
    const kinds = new Set(problem.tables.map(drifts));
    if (problem.byEvent || kinds.size < 2) return;
    yield { name: "by-repeated", tables: everyTable(problem, byRepeated(problem.tables), become) };
    const shares = byInformation(problem.tables, problem.budget * 3);
    yield { name: "by-information", tables: everyTable(problem, shares, become) };
  },
};

function drifts({ fields, ids, repeated }: TunedTable): boolean {
  return fields.some(({ churn }) => churn > DRIFTING) || 1 - repeated / Math.max(1, ids) > MOSTLY_ONCE;
}

function become(table: TunedTable): Omit<TableProposal, "weight"> {
  const churn = percent(Math.max(0, ...table.fields.map((field) => field.churn)));
  if (drifts(table))
    return {
      options: {
        ...int8Options(table),
        encoding: "exact",
        admission: { occurrence_threshold: 2 },
        eviction: { policy: "lru" },
      },
      reason: `its ids come and go (${churn} of late events have a new one): rows from the second occurrence on`,
    };
  return {
    options: { ...int8Options(table), encoding: "shared", shared: { lookups: table.dim % 2 === 0 ? 2 : 1 } },
    reason: `its ids recur (${churn} of late events have a new one): each has rows, shared with others`,
  };
}
