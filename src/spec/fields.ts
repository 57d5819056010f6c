import { type CompiledField, calledType, compileField, type FieldSource, isCrossable } from "../fields/index.js";
import { type Problems, suggestion } from "../schema/problems.js";
import { expand } from "./ranges.js";
import type { ModelSpec } from "./schema.js";
import type { Sources } from "./sources.js";

/** A field after range expansion, with what only the compiler needs to know. */
export interface ExpandedField {
  readonly field: CompiledField;
  /** The table that embeds it, if any. */
  readonly table: string | undefined;
  /** Its place in the file: `fields[3]`. */
  readonly path: string;
}

/** Expands ranges and resolves every field on its own, then checks the crosses. */
export function compileFields(spec: ModelSpec, sources: Sources, problems: Problems): ExpandedField[] {
  const fields = spec.fields.flatMap((source, i) => expandField(source, `fields[${i}]`, sources, problems));
  reportTwins(fields, problems);
  reportNulls(fields, problems);
  for (const { field, path } of fields) if ("of" in field) checkCross(field.of, path, fields, problems);
  return fields;
}

function expandField(source: FieldSource, path: string, sources: Sources, problems: Problems): ExpandedField[] {
  const names = expand(source.name, `${path}.name`, problems);
  const table = "table" in source ? source.table : undefined;
  const compiled = (written: FieldSource, name: string, from: string): ExpandedField => {
    return { field: compileField(written, { name, from, path, problems }), table, path };
  };
  if ("of" in source) {
    if (names.length > 1)
      problems.add(`${path}.name`, "a cross has one name, not a range", "write one cross for each pair");
    const of = source.of.flatMap((name, i) => expand(name, `${path}.of[${i}]`, problems));
    return names.slice(0, 1).map((name) => compiled({ ...source, of }, name, ""));
  }
  const froms = source.from === undefined ? names : expand(source.from, `${path}.from`, problems);
  if (froms.length !== names.length) {
    problems.add(
      `${path}.from`,
      `has ${froms.length} sources for ${names.length} fields`,
      "make both ranges equally long",
    );
    return [];
  }
  for (const from of froms) sources.check(from, source.from === undefined ? `${path}.name` : `${path}.from`);
  return names.map((name, i) => compiled(source, name, froms[i]));
}

function reportTwins(fields: readonly ExpandedField[], problems: Problems): void {
  const seen = new Map<string, string>();
  for (const { field, path } of fields) {
    const first = seen.get(field.name);
    if (first !== undefined) {
      problems.add(
        `${path}.name`,
        `"${field.name}" is also the name of ${first}`,
        "give every field a different name, and its column or path in `from`",
      );
    }
    seen.set(field.name, first ?? path);
  }
}

/** Reports fields of one source with different null values: a value must mean the same to all its readers. */
function reportNulls(fields: readonly ExpandedField[], problems: Problems): void {
  const first = new Map<string, string>();
  for (const { field, path } of fields) {
    if (!("from" in field)) continue;
    const nulls = JSON.stringify(field.null_values ?? []);
    if ((first.get(field.from) ?? nulls) !== nulls)
      problems.add(
        `${path}.null_values`,
        `differ from those of another field that reads "${field.from}"`,
        "give both fields the same ones, or move them to events.null_values",
      );
    first.set(field.from, nulls);
  }
}

function checkCross(of: readonly string[], path: string, fields: readonly ExpandedField[], problems: Problems): void {
  const crossable = fields.filter(({ field }) => isCrossable(field)).map(({ field }) => field.name);
  for (const [i, name] of of.entries()) {
    const at = `${path}.of[${i}]`;
    const found = fields.find(({ field }) => field.name === name)?.field;
    if (!found) problems.add(at, `"${name}" is not a field`, suggestion(name, crossable));
    else if (!crossable.includes(name)) {
      problems.add(
        at,
        `"${name}" is ${calledType(found)}, which cannot be crossed`,
        "cross categorical fields and numeric fields with a bucket transform",
      );
    }
    if (of.indexOf(name) !== i) problems.add(at, `"${name}" is listed twice`, "list every field of a cross once");
  }
}
