import { type Problems, suggestion } from "../schema/problems.js";
import { evenBoundaries, integerBoundaries, logBoundaries } from "./buckets.js";
import type { CompiledField } from "./compiled.js";
import { defaults } from "./defaults.js";
import { expand } from "./ranges.js";
import type { FieldSource, ModelSpec, TransformSource } from "./schema.js";
import { unescaped } from "./separators.js";
import type { Sources } from "./sources.js";

/** A field after range expansion, with what only the compiler needs to know. */
export interface ExpandedField {
  readonly field: CompiledField;
  /** The table that embeds it, if any. */
  readonly table: string | undefined;
  /** Its place in the file: `fields[3]`. */
  readonly path: string;
}

const MOST_BOUNDARIES = 4096;

type NumericSource = Extract<FieldSource, { type: "numeric" }>;

/** Expands ranges and resolves every field by itself, then checks the crosses. */
export function compileFields(spec: ModelSpec, sources: Sources, problems: Problems): ExpandedField[] {
  const fields = spec.fields.flatMap((source, i) => expandField(source, `fields[${i}]`, sources, problems));
  reportTwins(fields, problems);
  for (const { field, path } of fields) if (field.type === "cross") checkCross(field.of, path, fields, problems);
  return fields;
}

function expandField(source: FieldSource, path: string, sources: Sources, problems: Problems): ExpandedField[] {
  const names = expand(source.name, `${path}.name`, problems);
  const table = source.type === "vector" ? undefined : source.table;
  if (source.type === "cross") {
    if (names.length > 1)
      problems.add(`${path}.name`, "a cross has one name, not a range", "write one cross for each pair");
    const of = source.of.flatMap((name, i) => expand(name, `${path}.of[${i}]`, problems));
    return names.slice(0, 1).map((name) => ({ field: { name, type: "cross", of }, table, path }));
  }
  const froms = source.from === undefined ? names : expand(source.from, `${path}.from`, problems);
  if (froms.length !== names.length) {
    problems.add(
      `${path}.from`,
      `names ${froms.length} sources for ${names.length} fields`,
      "both ranges must be equally long",
    );
    return [];
  }
  for (const from of froms) sources.check(from, source.from === undefined ? `${path}.name` : `${path}.from`);
  return names.map((name, i) => ({ field: compileField(source, name, froms[i], path, problems), table, path }));
}

function compileField(
  source: Exclude<FieldSource, { type: "cross" }>,
  name: string,
  from: string,
  path: string,
  problems: Problems,
): CompiledField {
  switch (source.type) {
    case "categorical":
      return { name, type: "categorical", from };
    case "bag": {
      const {
        separator = defaults.bag.separator,
        combiner = defaults.bag.combiner,
        max_length = defaults.bag.max_length,
      } = source;
      const by = itemSeparator(separator, path, problems);
      return { name, type: "bag", from, separator: by, combiner, max_length };
    }
    case "vector": {
      const { length, take = length, separator = defaults.vector.separator } = source;
      const by = itemSeparator(separator, path, problems);
      if (take > length) problems.add(`${path}.take`, `takes ${take} of ${length} numbers`, "take at most `length`");
      return { name, type: "vector", from, separator: by, length, take };
    }
    case "numeric":
      return compileNumeric(source, name, from, path, problems);
  }
}

function compileNumeric(
  source: NumericSource,
  name: string,
  from: string,
  path: string,
  problems: Problems,
): CompiledField {
  const transform = source.transform ?? defaults.numeric.transform;
  const continuous = transform === "raw" || transform === "log1p";
  if (source.missing !== undefined && !continuous) {
    const why = transform === "standardize" ? "a missing value is the mean" : "missing has a bucket of its own";
    problems.add(`${path}.missing`, `has no use here: ${why}`, "remove it (it is for raw and log1p)");
  }
  if (source.half_life !== undefined && transform !== "standardize") {
    problems.add(`${path}.half_life`, "has no use here", "remove it (it is for transform: standardize)");
  }
  if (continuous || transform === "standardize") {
    const missing = source.missing ?? defaults.numeric.missing;
    const { half_life } = source;
    return { name, type: "numeric", from, transform, missing, ...(half_life !== undefined && { half_life }) };
  }
  return { name, type: "buckets", from, boundaries: compileBoundaries(transform, path, problems) };
}

type BucketTransform = Exclude<TransformSource, "raw" | "log1p" | "standardize">;

function compileBoundaries(transform: BucketTransform, path: string, problems: Problems): readonly number[] {
  const { per_doubling, min, max } = defaults.log_buckets;
  if (transform === "log1p-bucket") return integerBoundaries(max, per_doubling);
  const at = `${path}.transform`;
  const { buckets, log_buckets: log, even_buckets: even } = transform;
  if ([buckets, log, even].filter((given) => given !== undefined).length !== 1) {
    problems.add(
      at,
      "needs exactly one of buckets, log_buckets, even_buckets",
      "e.g. transform: { buckets: [0, 10, 100] }",
    );
    return [0];
  }
  if (buckets) return checkAscending(buckets, `${at}.buckets`, problems);
  if (even) return evenBuckets(even.width, even.max, `${at}.even_buckets`, problems);
  return logBuckets({ per_doubling, min, max, ...log }, `${at}.log_buckets`, problems);
}

function checkAscending(boundaries: readonly number[], path: string, problems: Problems): readonly number[] {
  const wrong = boundaries.findIndex((boundary, i) => i > 0 && boundary <= boundaries[i - 1]);
  if (wrong > 0)
    problems.add(`${path}[${wrong}]`, "is not above the boundary before it", "write the boundaries in ascending order");
  return boundaries;
}

function evenBuckets(width: number, max: number, path: string, problems: Problems): number[] {
  const steps = max / width;
  if (steps < MOST_BOUNDARIES) return evenBoundaries(width, max);
  problems.add(path, `makes more than ${MOST_BOUNDARIES} boundaries`, "lower max or raise width");
  return [0];
}

function logBuckets(
  log: { per_doubling: number; min: number; max: number },
  path: string,
  problems: Problems,
): number[] {
  const boundaries = log.min > 0 ? logBoundaries(log.min, log.max, log.per_doubling) : [];
  if (log.max < log.min) problems.add(path, `max ${log.max} is below min ${log.min}`, "raise max or lower min");
  if (boundaries.length > MOST_BOUNDARIES) {
    problems.add(path, `makes more than ${MOST_BOUNDARIES} boundaries`, "lower max or per_doubling, or raise min");
  }
  return boundaries;
}

/** What stands between the items of a value: 1 to 8 bytes of UTF-8 on one line. */
function itemSeparator(written: string, path: string, problems: Problems): string {
  const separator = unescaped(written);
  if (Buffer.byteLength(separator) > 8 || /[\r\n]/.test(separator))
    problems.add(
      `${path}.separator`,
      `${JSON.stringify(separator)} cannot separate items`,
      "1 to 8 bytes without a line break",
    );
  return separator;
}

function reportTwins(fields: readonly ExpandedField[], problems: Problems): void {
  const seen = new Map<string, string>();
  for (const { field, path } of fields) {
    const first = seen.get(field.name);
    if (first !== undefined) {
      problems.add(
        `${path}.name`,
        `"${field.name}" is already the name of ${first}`,
        "give every field a name of its own (`from` says where its value is)",
      );
    }
    seen.set(field.name, first ?? path);
  }
}

function checkCross(of: readonly string[], path: string, fields: readonly ExpandedField[], problems: Problems): void {
  const crossable = fields
    .filter(({ field }) => field.type === "categorical" || field.type === "buckets")
    .map(({ field }) => field.name);
  for (const [i, name] of of.entries()) {
    const at = `${path}.of[${i}]`;
    const found = fields.find(({ field }) => field.name === name)?.field;
    if (!found) problems.add(at, `"${name}" is not a field`, suggestion(name, crossable));
    else if (!crossable.includes(name)) {
      problems.add(
        at,
        `"${name}" is ${kindOf(found)}, which cannot be crossed`,
        "cross categorical fields and numeric fields with a bucket transform",
      );
    }
    if (of.indexOf(name) !== i) problems.add(at, `"${name}" is there twice`, "name every field of a cross once");
  }
}

const kindOf = (field: CompiledField): string =>
  field.type === "numeric" ? `numeric (${field.transform})` : `a ${field.type}`;
