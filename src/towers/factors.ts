import type { Problems } from "../schema/problems.js";
import type { Given } from "./kind.js";

/** Limit for all of a key's vectors together, in floats. */
const MOST = 4096;

/**
 * Tables of field-aware towers: a key has a vector of `dim` factors for each other field. Fields of different kinds
 * share a table, so their values are kept apart.
 */
export const factorTable = {
  defaults: { dim: 4, init: 0.05, salt: "field" },
  dim: (dim: number, fields: number) => dim * (fields - 1),
} as const;

/**
 * Reports tables without pairs of fields, or with more factors than a row may have.
 * @param others number of fields that a field is paired with
 * @param fits whether a vector may have this number of factors. Default: any number
 */
export function checkFactors(
  kind: string,
  { tables }: Given,
  others: number,
  problems: Problems,
  { fits, rule }: { fits(dim: number): boolean; rule: string } = { fits: () => true, rule: "" },
): void {
  if (others < 1) {
    problems.add("tables", `${kind} requires at least two fields, got one`, "give a second field the table");
    return;
  }
  for (const { name, dim: floats } of tables) {
    const dim = floats / others;
    const at = `tables.${name}.dim`;
    if (!fits(dim)) problems.add(at, `must be ${rule} for ${kind}, got ${dim}`, "e.g. dim: 4");
    else if (floats > MOST)
      problems.add(at, `${dim} factors for each of ${others} other fields exceed ${MOST} per row`, "e.g. dim: 4");
  }
}
