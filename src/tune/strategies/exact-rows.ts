import { grouped } from "../../core/digits.js";
import { byIds, byInformation, byOccurrences, byRepeated, type Shares } from "../shares.js";
import type { Problem, Proposal, Strategy, TableOptions, TunedTable } from "./strategy.js";
import { everyTable, int8Options, percent } from "./table-options.js";

/** Approximate number of rows relative to f32. */
const PACKED = { f32: 1, f16: 1.6, int8: 3.2 } as const;
type Precision = keyof typeof PACKED;

const lru = { encoding: "exact", eviction: { policy: "lru" } };
const admitted = { ...lru, admission: { occurrence_threshold: 2 } };

/** A row for every id worth one, in a table that stays within its budget: unused ids make room. */
export const exactRows: Strategy = {
  name: "exact",
  description:
    "one row per id that matters: admission at the second occurrence, eviction of the least recently used rows",
  *propose(problem) {
    const precisions: readonly Precision[] = problem.byEvent ? ["f16", "f32"] : ["int8", "f16", "f32"];
    const rules =
      problem.tables.length === 1 ? (["ids"] as const) : (["information", "repeated", "occurrences"] as const);
    for (const [i, rule] of rules.entries()) {
      for (const precision of precisions) yield ofRule(problem, "admission", precision, rule);
      if (i === 0) for (const precision of precisions) yield ofRule(problem, "lru", precision, rule);
    }
    if (problem.byEvent) return;
    yield* otherRates(problem);
    yield* smallerDims(problem);
  },
};

const RULES = {
  ids: byIds,
  information: byInformation,
  repeated: byRepeated,
  occurrences: byOccurrences,
} as const;

/** @param lives which ids have rows: those admitted, or all */
function ofRule(
  problem: Problem,
  lives: "admission" | "lru",
  precision: Precision,
  rule: keyof typeof RULES,
): Proposal {
  const shares = RULES[rule](problem.tables, problem.budget * PACKED[precision]);
  const name = `${lives}-${precision}${rule === "ids" ? "" : `-by-${rule}`}`;
  const life = lives === "lru" ? lru : admitted;
  return proposal(problem, name, shares, (table) => ({ ...packed(table, precision), ...life }));
}

function* otherRates(problem: Problem): Iterable<Proposal> {
  for (const factor of [0.25, 4])
    yield proposal(problem, `admission-int8-rate-x${factor}`, byRepeated(problem.tables), (table) => ({
      ...int8Options(table, factor),
      ...admitted,
    }));
}

function* smallerDims(problem: Problem): Iterable<Proposal> {
  const most = Math.max(...problem.tables.map(({ dim }) => dim));
  for (const divisor of [2, 4]) {
    if (most / divisor < 2) continue;
    const dimOf = ({ dim }: TunedTable) => Math.min(dim, Math.max(2, Math.round(dim / divisor)));
    yield proposal(problem, `admission-f32-dim-${most / divisor}`, byRepeated(problem.tables), (table) => ({
      ...table.options,
      ...admitted,
      dim: dimOf(table),
    }));
  }
}

function packed(table: TunedTable, precision: Precision): TableOptions {
  if (precision === "int8") return int8Options(table);
  return precision === "f16" ? { ...table.options, precision } : table.options;
}

function proposal(
  problem: Problem,
  name: string,
  shares: Shares,
  options: (table: TunedTable) => TableOptions,
): Proposal {
  const become = (table: TunedTable) => ({ options: options(table), reason: reasonOf(table, name) });
  return { name, tables: everyTable(problem, shares, become) };
}

function reasonOf({ ids, repeated, fields }: TunedTable, name: string): string {
  const once = 1 - repeated / Math.max(1, ids);
  const churn = Math.max(0, ...fields.map((field) => field.churn));
  const gone = name.startsWith("admission")
    ? `${percent(once)} of its ${grouped(ids)} ids occurred once: a row from the second occurrence on`
    : `a row for each of its ${grouped(ids)} ids from the first occurrence on`;
  return `${gone}; the least recently used are evicted (${percent(churn)} of late events have a new id)`;
}
