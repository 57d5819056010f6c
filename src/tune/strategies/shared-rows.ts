import { byIds, byInformation, byRepeated } from "../shares.js";
import type { Problem, Strategy, TableOptions, TunedTable } from "./strategy.js";
import { everyTable, int8Options } from "./table-options.js";

interface Kind {
  readonly name: string;
  readonly reason: string;
  options(table: TunedTable): TableOptions;
}

const lookups = ({ dim }: TunedTable, most: number) => [most, 2].find((n) => dim % n === 0) ?? 1;
const concat = (table: TunedTable, most: number) => ({ encoding: "shared", shared: { lookups: lookups(table, most) } });

/** Kinds whose ids share rows, ordered by their results on real data (docs/COMPRESSION.md). */
const KINDS: readonly Kind[] = [
  {
    name: "shared-int8",
    reason: "every id has rows, each shared with others: two lookups concatenated, one byte per weight",
    options: (table) => ({ ...int8Options(table), ...concat(table, 2) }),
  },
  {
    name: "shared",
    reason: "every id has rows, each shared with others: lookups concatenated, so that few ids share all of theirs",
    options: (table) => ({ ...table.options, ...concat(table, 4) }),
  },
  {
    name: "hot-cold",
    reason: "ids with large gradients own a row, all others share rows",
    options: ({ options }) => ({
      ...options,
      encoding: "hot_cold",
      hot_cold: { threshold: 3, cold: { encoding: "shared" } },
    }),
  },
  {
    name: "compositional",
    reason: "a row from each of several partitions, concatenated: no two ids share all of them",
    options: (table) => ({
      ...table.options,
      encoding: "compositional",
      compositional: { partitions: Math.max(2, lookups(table, 4)), combine: "concat" },
    }),
  },
  hashed("hash"),
];

function hashed(name: string): Kind {
  return {
    name,
    reason: "a row by the hash of the id, shared by all ids that collide",
    options: ({ options }) => ({ ...options, encoding: "hash" }),
  };
}

/** Every id has rows, and shares them. */
export const sharedRows: Strategy = {
  name: "shared",
  description: "rows shared by several ids: shared lookups, hot and cold ids, quotient and remainder, plain hashing",
  *propose(problem) {
    for (const kind of problem.byEvent ? [hashed("hash")] : KINDS) yield* ofKind(problem, kind);
  },
};

function* ofKind(problem: Problem, { name, reason, options }: Kind) {
  const { tables, budget } = problem;
  const become = (table: TunedTable) => ({ options: options(table), reason });
  if (tables.length === 1) {
    yield { name, tables: everyTable(problem, byIds(tables), become) };
    return;
  }
  yield { name: `${name}-by-repeated`, tables: everyTable(problem, byRepeated(tables), become) };
  yield { name: `${name}-by-information`, tables: everyTable(problem, byInformation(tables, budget), become) };
}
