import { grouped } from "../../core/digits.js";
import { byInformation } from "../shares.js";
import type { Problem, Strategy, TunedTable } from "./strategy.js";
import { everyTable, int8Options } from "./table-options.js";

/** How much shorter vectors get with the number of ids (Ginart et al. 2021: 0.3). */
const TEMPERATURES = [0.15, 0.3];
const LEAST_DIM = 2;

/** Mixed dimensions: the fewer ids a table has, the more events each one has, and the longer its vectors may be. */
export const mixedDims: Strategy = {
  name: "mixed_dim",
  description: "mixed dimensions: tables with many ids of few events each get shorter vectors",
  *propose(problem) {
    const { tables, byEvent } = problem;
    if (byEvent || tables.length < 2) return;
    for (const alpha of TEMPERATURES)
      for (const precision of ["f16", "int8"] as const) {
        const dims = dimsOf(problem, alpha);
        const shares = byInformation(
          tables.map((table) => ({ ...table, bytes: (table.bytes * dims[table.name]) / table.dim })),
          problem.budget,
        );
        if (tables.every(({ name, dim }) => dims[name] === dim)) continue;
        yield {
          name: `${precision}-alpha-${alpha}`,
          tables: everyTable(problem, shares, (table) => ({
            options: {
              ...(precision === "int8" ? int8Options(table) : { ...table.options, precision }),
              dim: dims[table.name],
              encoding: "exact",
              admission: { occurrence_threshold: 2 },
              eviction: { policy: "lru" },
            },
            reason: `${dims[table.name]} of ${table.dim} dimensions: the events are spread over ${grouped(table.ids)} ids`,
          })),
        };
      }
  },
};

/** dim × (fewest ids ÷ ids)^alpha, to the next power of two. */
function dimsOf({ tables }: Problem, alpha: number): Readonly<Record<string, number>> {
  const fewest = Math.min(...tables.map(({ ids }) => Math.max(1, ids)));
  const dimOf = ({ dim, ids }: TunedTable) => {
    const wanted = dim * (fewest / Math.max(1, ids)) ** alpha;
    return Math.min(dim, Math.max(LEAST_DIM, 2 ** Math.round(Math.log2(wanted))));
  };
  return Object.fromEntries(tables.map((table) => [table.name, dimOf(table)]));
}
