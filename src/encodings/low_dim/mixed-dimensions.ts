import { type Problems, suggestion } from "../../schema/problems.js";
import type { FieldTable, Whole } from "../kind.js";

/**
 * The popularity rule of mixed dimensions (Ginart et al. 2019, MDE): a field with n distinct ids gets d * (fewest /
 * n)^alpha floats, rounded to a power of two, at least 1. Each field becomes a table, <table>-<field>; one that keeps
 * all d floats needs no projection.
 * @param distinct ids of each field
 * @param own the other options of low_dim
 */
export function mixedDimensions(
  distinct: object,
  alpha: number,
  own: object,
  { name, dim, source, fields }: Whole,
  path: string,
  problems: Problems,
): FieldTable[] {
  const counts = distinct as Readonly<Record<string, number>>;
  checkNames(Object.keys(counts), fields, path, problems);
  const { low_dim: _, encoding: __, ...rest } = source as Whole["source"] & { low_dim?: unknown };
  const fewest = Math.min(...fields.map((field) => counts[field] ?? 1));
  return fields.map((field) => {
    const floats = dim * (fewest / (counts[field] ?? 1)) ** alpha;
    const rowDim = Math.min(dim, Math.max(1, 2 ** Math.round(Math.log2(floats))));
    const short = { encoding: "low_dim", low_dim: { ...own, dim: rowDim } };
    const encoded = { ...rest, ...(rowDim === dim ? { encoding: "exact" } : short) };
    return { field, name: `${name}-${field.replaceAll(".", "-")}`, source: encoded };
  });
}

function checkNames(named: readonly string[], fields: readonly string[], path: string, problems: Problems): void {
  for (const name of named) {
    if (!fields.includes(name))
      problems.add(`${path}.${name}`, `"${name}" is not a field of this table`, suggestion(name, fields));
  }
  for (const name of fields) {
    if (!named.includes(name)) problems.add(path, `field "${name}" is missing`, "add the number of its distinct ids");
  }
}
