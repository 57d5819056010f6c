import { type Problems, suggestion } from "../schema/problems.js";
import { defaults } from "./defaults.js";
import type { ExpandedField } from "./fields.js";
import type { TableSource } from "./schema.js";

/** The table of one field of a table with mixed dimensions. */
export interface FieldTable {
  /** <table>-<field>. */
  readonly part: string;
  readonly given: TableSource;
  readonly field: ExpandedField;
}

/**
 * The popularity rule of mixed dimensions (Ginart et al. 2019, MDE): a field of n distinct ids gets d * (fewest / n)^alpha floats,
 * rounded to a power of two, at least 1. Each field becomes a table of its own; one that keeps all d floats needs no projection.
 */
export function mixedDimensions(
  name: string,
  source: TableSource,
  fields: readonly ExpandedField[],
  problems: Problems,
): FieldTable[] {
  const { distinct = {}, alpha = defaults.low_dim.alpha, ...knobs } = source.low_dim ?? {};
  const counts = distinct as Readonly<Record<string, number>>;
  const path = `tables.${name}.low_dim.distinct`;
  checkNames(Object.keys(counts), fields, path, problems);
  const { dim = defaults.table.dim } = source;
  const fewest = Math.min(...fields.map(({ field }) => counts[field.name] ?? 1));
  return fields.map((field) => {
    const floats = dim * (fewest / (counts[field.field.name] ?? 1)) ** alpha;
    const own = Math.min(dim, Math.max(1, 2 ** Math.round(Math.log2(floats))));
    const { low_dim: _, encoding: __, ...rest } = source;
    const part = `${name}-${field.field.name.replaceAll(".", "-")}`;
    const given: TableSource =
      own === dim ? { ...rest, encoding: "exact" } : { ...rest, encoding: "low_dim", low_dim: { ...knobs, dim: own } };
    return { part, given, field };
  });
}

function checkNames(
  named: readonly string[],
  fields: readonly ExpandedField[],
  path: string,
  problems: Problems,
): void {
  const names = fields.map(({ field }) => field.name);
  for (const name of named) {
    if (!names.includes(name))
      problems.add(`${path}.${name}`, `"${name}" is not a field of this table`, suggestion(name, names));
  }
  for (const name of names) {
    if (!named.includes(name)) problems.add(path, `lacks field "${name}"`, "give the number of its distinct ids");
  }
}
