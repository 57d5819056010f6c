import type { Problems } from "../schema/problems.js";
import type { EncodingKind, EncodingSpec, StoreSpec } from "./compiled.js";
import { defaults } from "./defaults.js";
import type { EncodingContext, EncodingSource } from "./encodings.js";
import { chineseRemainders, equalRadices, notCoprime } from "./partitions.js";
import { decoderBytes, denseBytes, FILTER_CELL_BYTES, filterBytes, sizeText, storeBytes } from "./sizes.js";

/** One store lies in one WebAssembly memory. */
const STORE_BYTES = 2 ** 32;
const MOST_ROWS = 2 ** 32 - 1;
/** Encodings whose rows are a fixed number. */
const FIXED: readonly EncodingKind[] = ["hash", "shared", "multi_hash", "compositional", "hot_cold"];
/** Ids the sketch of a hot_cold table holds for each of its rows, by default; and bytes of each. */
const SKETCH_ROWS = 1;
const SKETCH_BYTES = 16;
/** Bytes of a hot row's score. */
const SCORE_BYTES = 4;

/** Bytes an encoding takes when it is full: rows with their optimizer's state, index, sketch, decoder. */
export function encodingBytes(spec: EncodingSpec): number {
  const { dim, dhe, low_dim, hot_cold, multi_hash } = spec;
  if (dhe) return decoderBytes(spec);
  if (low_dim) return denseBytes(low_dim.dim * dim, low_dim.optimizer) + exactBytes({ ...spec, dim: low_dim.dim });
  if (hot_cold) return hotBytes(spec, hot_cold.sketch_rows) + encodingBytes(hot_cold.cold);
  if (spec.encoding === "exact") return exactBytes(spec);
  return storeBytes(pool(spec)) + (multi_hash ? importanceBytes(spec, multi_hash) : 0);
}

const hotBytes = (spec: EncodingSpec, sketched: number): number =>
  exactBytes(spec) + spec.rows * SCORE_BYTES + sketched * SKETCH_BYTES;

/** Importances are f32, whatever the rows are. */
function importanceBytes(
  spec: EncodingSpec,
  { importance_rows, hashes }: NonNullable<EncodingSpec["multi_hash"]>,
): number {
  const { precision: _, ...rest } = pool(spec);
  return storeBytes({ ...rest, rows: importance_rows, dim: hashes });
}

const exactBytes = (spec: EncodingSpec): number =>
  spec.budget ?? storeBytes({ ...spec, encoding: "exact" }) + filterBytes(spec);

/** The fixed rows of a hash, shared, compositional or multi_hash table. */
function pool(spec: EncodingSpec): StoreSpec {
  const parts = spec.shared?.lookups ?? spec.compositional?.partitions.length ?? 1;
  const concat = (spec.shared ?? spec.compositional)?.combine === "concat";
  return { ...spec, encoding: "hash", dim: concat ? Math.max(1, Math.floor(spec.dim / parts)) : spec.dim };
}

/** Gives an encoding of a fixed size its rows, as written or as many as the budget has room for, and what follows from them. */
export function sized(
  spec: EncodingSpec,
  source: EncodingSource,
  budget: number | undefined,
  { path, problems }: EncodingContext,
): EncodingSpec {
  if (!FIXED.includes(spec.encoding)) return spec;
  const listed = Array.isArray(source.compositional?.partitions);
  if (source.rows === undefined && budget === undefined && !listed)
    problems.add(
      path,
      `"rows" is missing: a ${spec.encoding} table has a fixed size`,
      "e.g. rows: 1_000_000, or budget: 50 MB",
    );
  if (source.rows !== undefined || budget === undefined || listed) return withRows(spec, source, spec.rows);
  return withRows(spec, source, mostRows(spec, source, budget));
}

/** The most rows with which an encoding takes no more than `budget` bytes; at least as many as it can be built with. */
function mostRows(spec: EncodingSpec, source: EncodingSource, budget: number): number {
  let [fits, over] = [leastRows(spec), MOST_ROWS];
  while (fits + 1 < over) {
    const middle = Math.floor((fits + over) / 2);
    if (encodingBytes(withRows(spec, source, middle)) <= budget) fits = middle;
    else over = middle;
  }
  return fits;
}

const leastRows = ({ compositional }: EncodingSpec): number =>
  compositional ? 4 * compositional.partitions.length ** 2 : 1;

function withRows(spec: EncodingSpec, source: EncodingSource, rows: number): EncodingSpec {
  const { multi_hash, hot_cold } = spec;
  if (spec.encoding === "compositional") return withPartitions(spec, source, rows);
  if (multi_hash)
    return { ...spec, rows, multi_hash: { ...multi_hash, importance_rows: multi_hash.importance_rows || rows } };
  if (hot_cold)
    return { ...spec, rows, hot_cold: { ...hot_cold, sketch_rows: hot_cold.sketch_rows || rows * SKETCH_ROWS } };
  return { ...spec, rows };
}

function withPartitions(spec: EncodingSpec, { compositional = {} }: EncodingSource, rows: number): EncodingSpec {
  const { partitions: wanted = defaults.compositional.partitions, range, ...knobs } = compositional;
  const { scheme, combine } = { ...defaults.compositional, ...knobs };
  const split = scheme === "chinese_remainder" ? chineseRemainders : equalRadices;
  const partitions = typeof wanted === "number" ? (split(rows, wanted) ?? Array(wanted).fill(1)) : wanted;
  const most = Math.min(product(partitions), Number.MAX_SAFE_INTEGER);
  return {
    ...spec,
    rows: partitions.reduce((sum, some) => sum + some, 0),
    compositional: { partitions, scheme, combine, range: range ?? most },
  };
}

const product = (sizes: readonly number[]): number => sizes.reduce((all, size) => all * size, 1);

/** Refuses what cannot be built, and says what would fit. */
export function checkFit(spec: EncodingSpec, budget: number | undefined, path: string, problems: Problems): void {
  checkParts(spec, path, problems);
  checkRange(spec, path, problems);
  if (budget !== undefined && filterBytes(spec) > budget / 2)
    problems.add(
      `${path}.admission.filter_capacity`,
      `its filter takes ${sizeText(filterBytes(spec))} of a budget of ${sizeText(budget)}`,
      `at most ${Math.floor(budget / 2 / FILTER_CELL_BYTES)}`,
    );
  const bytes = encodingBytes(spec);
  if (budget !== undefined && bytes > budget) {
    const each = storeBytes(pool({ ...spec, rows: 1000 })) / 1000;
    const mend = spec.dhe
      ? "a smaller width or code"
      : `at most about ${Math.floor(budget / each).toLocaleString("en")} rows, or a smaller dim`;
    problems.add(`${path}.budget`, `needs ${sizeText(bytes)}, the budget is ${sizeText(budget)}`, mend);
  }
  const store = bytes / (spec.shards ?? 1);
  if (store < STORE_BYTES || spec.dhe || spec.hot_cold) return;
  const needed = Math.ceil(bytes / (STORE_BYTES * 0.95));
  problems.add(
    path,
    `${spec.rows} rows of ${spec.dim} floats and their ${spec.optimizer.kind} state need ${(bytes / 2 ** 30).toFixed(1)} GiB; a memory has at most 4`,
    spec.encoding === "hash" || spec.encoding === "exact"
      ? `shards: ${needed}, or lower rows or dim`
      : "lower rows or dim",
  );
}

function checkParts({ shared, compositional, dim, low_dim }: EncodingSpec, path: string, problems: Problems): void {
  const parts = shared?.lookups ?? compositional?.partitions.length ?? 1;
  if ((shared ?? compositional)?.combine === "concat" && dim % parts !== 0)
    problems.add(
      `${path}.dim`,
      `${dim} floats cannot be ${parts} rows side by side`,
      `a multiple of ${parts}, or combine: ${shared ? "sum" : "add"}`,
    );
  if (low_dim && low_dim.dim > dim)
    problems.add(
      `${path}.low_dim.dim`,
      `${low_dim.dim} is more than the table's dim ${dim}`,
      "give fewer floats than dim",
    );
}

function checkRange({ compositional }: EncodingSpec, path: string, problems: Problems): void {
  if (!compositional) return;
  const { partitions, scheme, range } = compositional;
  const at = `${path}.compositional`;
  if (partitions.some((rows) => rows < 2))
    problems.add(
      `${path}.rows`,
      "too few for the partitions",
      `at least ${2 * partitions.length} rows, or fewer partitions`,
    );
  if (range > product(partitions))
    problems.add(
      `${at}.range`,
      `${range} ids, but the partitions have only ${product(partitions)} combinations`,
      "more rows a partition, more partitions, or a smaller range",
    );
  const clash = scheme === "chinese_remainder" ? notCoprime(partitions) : undefined;
  if (clash)
    problems.add(
      `${at}.partitions`,
      `${clash[0]} and ${clash[1]} have a common factor`,
      "sizes without one, or a number of partitions alone",
    );
}
