import type { Facts } from "./column.js";

/** The share of the ids of both that a list and a column must have in common. */
const IN_COMMON = 0.1;
/** Columns with fewer ids have any small numbers in common with a list. */
const LEAST_IDS = 20;

/**
 * Lists of ids that another column has one of, such as a history of items beside the item that is shown.
 * @returns the other column by the list's, both as in `from`
 */
export function columnsOfLists(columns: readonly Facts[]): ReadonlyMap<string, string> {
  const ids = columns.filter(({ shape, distinct }) => (shape === "text" || shape === "number") && distinct > LEAST_IDS);
  const found = columns.filter(({ shape }) => shape === "list").flatMap((list) => pairOf(list, ids));
  return new Map(found);
}

function pairOf(list: Facts, ids: readonly Facts[]): [list: string, column: string][] {
  const shares = ids.map((column) => ({ column, share: inCommon(list, column) }));
  const [best] = shares.toSorted((a, b) => b.share - a.share);
  return best !== undefined && best.share >= IN_COMMON ? [[list.from, best.column.from]] : [];
}

/** Jaccard's index: the values in both divided by those in either. */
function inCommon(a: Facts, b: Facts): number {
  const both = [...a.counts.keys()].filter((text) => b.counts.has(text)).length;
  return both / (a.distinct + b.distinct - both);
}
