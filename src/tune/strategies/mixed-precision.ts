import { byInformation, byRepeated } from "../shares.js";
import type { Strategy } from "./strategy.js";
import { everyTable, int8Options } from "./table-options.js";

/** Mixed precision by frequency: frequent ids have exact rows of two bytes a weight, the others share rows of a byte a weight. */
export const mixedPrecision: Strategy = {
  name: "mixed_precision",
  description: "precision by frequency: frequent ids in f16, the others in a byte a weight, in shared rows",
  *propose(problem) {
    const { tables, budget, byEvent } = problem;
    if (byEvent) return;
    for (const [rule, shares] of [
      ["information", byInformation(tables, budget)],
      ["repeated", byRepeated(tables)],
    ] as const)
      yield {
        name: `f16-int8-by-${rule}`,
        tables: everyTable(problem, shares, (table) => {
          const { precision: low, optimizer } = int8Options(table) as Readonly<Record<string, unknown>>;
          return {
            options: {
              ...table.options,
              precision: "f16",
              encoding: "hot_cold",
              hot_cold: {
                hotness: "frequency",
                threshold: 3,
                cold: { encoding: "shared", precision: low, optimizer },
              },
            },
            reason: "frequent ids own a row in f16, all others share rows in int8",
          };
        }),
      };
  },
};
