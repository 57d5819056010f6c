import { byInformation, byRepeated } from "../shares.js";
import type { Problem, Proposal, Strategy, TableOptions, TunedTable } from "./strategy.js";
import { everyTable, type Scaled, scaledOptions } from "./table-options.js";

type Group = "f16" | Scaled;
type Pair = readonly [hot: Group, cold: Scaled];

/** Ordered by their results on real data (docs/TUNING.md). */
const BELOW_A_BYTE: readonly Pair[] = [
  ["int8", "int4"],
  ["f16", "int4"],
  ["int8", "int2"],
];

/** Mixed precision by frequency: frequent ids have exact rows with two bytes per weight, the others share rows with one. */
export const mixedPrecision: Strategy = {
  name: "mixed_precision",
  description: "precision by frequency: frequent ids in f16, the others in one byte per weight, in shared rows",
  *propose(problem) {
    yield* ofPair(problem, ["f16", "int8"]);
  },
};

/** The same with fewer bits (MPE: arXiv 2409.20305), and shared rows with half a byte per weight for all. */
export const fewBits: Strategy = {
  name: "few_bits",
  description: "mixed_precision with int4 and int2, and shared rows in int4; only used if named",
  asked: true,
  *propose(problem) {
    for (const pair of BELOW_A_BYTE) yield* ofPair(problem, pair);
    const become = (table: TunedTable) => ({ options: sharedInt4(table), reason: "all ids share rows in int4" });
    if (!problem.byEvent)
      yield { name: "shared-int4-by-repeated", tables: everyTable(problem, byRepeated(problem.tables), become) };
  },
};

function* ofPair(problem: Problem, [hot, cold]: Pair): Iterable<Proposal> {
  const { tables, budget, byEvent } = problem;
  if (byEvent) return;
  const become = (table: TunedTable) => ({
    options: grouped(table, hot, cold),
    reason: `frequent ids own a row in ${hot}, all others share rows in ${cold}`,
  });
  yield {
    name: `${hot}-${cold}-by-information`,
    tables: everyTable(problem, byInformation(tables, budget), become),
  };
  yield { name: `${hot}-${cold}-by-repeated`, tables: everyTable(problem, byRepeated(tables), become) };
}

function grouped(table: TunedTable, hot: Group, cold: Scaled): TableOptions {
  const { precision, optimizer } = scaledOptions(table, cold) as Readonly<Record<string, unknown>>;
  return {
    ...(hot === "f16" ? { ...table.options, precision: hot } : scaledOptions(table, hot)),
    encoding: "hot_cold",
    hot_cold: { hotness: "frequency", threshold: 3, cold: { encoding: "shared", precision, optimizer } },
  };
}

function sharedInt4(table: TunedTable): TableOptions {
  const lookups = table.dim % 2 === 0 ? 2 : 1;
  return { ...scaledOptions(table, "int4"), encoding: "shared", shared: { lookups } };
}
