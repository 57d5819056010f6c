import { usualOptimizer } from "../optimizers/index.js";
import { compileOptimizer } from "../optimizers/schema.js";
import type { Problems } from "../schema/problems.js";
import type { AdmissionSpec, EncodingKind, EncodingSpec, EvictionSpec } from "./compiled.js";
import { defaults } from "./defaults.js";
import { encodingOptions } from "./encoding-options.js";
import { checkFit, sized } from "./fit.js";
import { checkPrecision } from "./precisions.js";
import type { EncodedSource, TableSource } from "./schema.js";
import { FILTER_CELL_BYTES, parseBytes, parseSeconds } from "./sizes.js";

/** What the table around an encoding gives it. */
export interface EncodingContext {
  readonly name: string;
  readonly dim: number;
  /** 16 hex digits. */
  readonly seed: string;
  readonly path: string;
  readonly problems: Problems;
  /** True in lr and fm, which learn event by event and have other defaults. */
  readonly linear: boolean;
  readonly init: number;
}

/** A table, or the cold part of one. */
export type EncodingSource = TableSource | EncodedSource;

/** Options of the encoding they are named after. */
/** Of a table's budget, what its admission filter gets at most where the spec does not say. */
const FILTER_SHARE = 0.1;
const BLOCKS = ["shared", "compositional", "multi_hash", "dhe", "low_dim", "hot_cold"] as const;
/** Options that some encodings have. */
const ONLY: Readonly<Record<string, readonly EncodingKind[]>> = {
  admission: ["exact"],
  eviction: ["exact"],
  shards: ["hash", "exact"],
};

/** Resolves what encodes a table's keys. Rows follow from the budget where they are not given. */
export function compileEncoding(source: EncodingSource, context: EncodingContext): EncodingSpec {
  const { name, dim, seed, path, problems, linear, init } = context;
  const encoding = source.encoding ?? defaults.table.encoding;
  checkOptions(source, encoding, context);
  const budget = budgetOf(source, context);
  const spec: EncodingSpec = {
    name,
    encoding,
    rows: source.rows ?? defaults.table.rows,
    dim,
    init: source.init ?? init,
    optimizer: compileOptimizer(source.optimizer ?? usualOptimizer.table, `${path}.optimizer`, problems, linear),
    seed,
    ...storage(source, encoding, budget, context),
  };
  const whole = sized({ ...spec, ...encodingOptions(source, spec, budget, context) }, source, budget, context);
  checkPrecision(whole, path, problems);
  checkFit(whole, budget, path, problems);
  return whole;
}

function checkOptions(
  source: EncodingSource,
  encoding: EncodingKind,
  { path, problems, linear }: EncodingContext,
): void {
  const has = (key: string) => (source as Record<string, unknown>)[key] !== undefined;
  for (const block of BLOCKS) {
    if (has(block) && block !== encoding)
      problems.add(`${path}.${block}`, `has no meaning for ${encoding}`, `write encoding: ${block}, or remove it`);
  }
  for (const [key, kinds] of Object.entries(ONLY)) {
    if (has(key) && !kinds.includes(encoding))
      problems.add(
        `${path}.${key}`,
        `has no meaning for ${encoding}`,
        `write encoding: ${kinds.join(" or ")}, or remove it`,
      );
  }
  if (linear && encoding !== "hash" && encoding !== "exact")
    problems.add(`${path}.encoding`, `lr and fm learn event by event, which ${encoding} cannot`, "use hash or exact");
}

function budgetOf({ budget }: EncodingSource, { path, problems }: EncodingContext): number | undefined {
  const bytes = budget === undefined ? undefined : parseBytes(budget);
  if (budget !== undefined && bytes === undefined)
    problems.add(`${path}.budget`, `${budget} is not a number of bytes`, "e.g. 200 MB, 1.5 GiB, 50_000_000");
  return bytes;
}

/** How rows are kept, who gets one and who loses it: only what is not the default. */
function storage(source: EncodingSource, encoding: EncodingKind, budget: number | undefined, context: EncodingContext) {
  const { precision = "f32", rounding, shards = 1, admission, eviction } = source;
  if (eviction?.policy && budget === undefined)
    context.problems.add(`${context.path}.eviction.policy`, "needs a budget, and there is none", "e.g. budget: 200 MB");
  return {
    ...(precision !== "f32" && { precision }),
    ...(rounding === "nearest" && { rounding }),
    ...(budget !== undefined && encoding === "exact" && { budget }),
    ...(shards > 1 && { shards }),
    ...(admission && { admission: compileAdmission(admission, budget, context) }),
    ...(eviction && { eviction: compileEviction(eviction, emptiesRows(source), context) }),
  };
}

function compileAdmission(
  admission: NonNullable<TableSource["admission"]>,
  budget: number | undefined,
  { path, problems }: EncodingContext,
): AdmissionSpec {
  const { occurrence_threshold, admit_probability, filter_capacity } = admission;
  if ((occurrence_threshold === undefined) === (admit_probability === undefined))
    problems.add(
      `${path}.admission`,
      "must have either occurrence_threshold or admit_probability",
      "name one of the two",
    );
  if (admit_probability !== undefined) return { admit_probability };
  return { occurrence_threshold: occurrence_threshold ?? 2, filter_capacity: filter_capacity ?? filterCells(budget) };
}

/** Cells of an admission filter where the spec does not say: as many as a tenth of the budget has room for, at most. */
function filterCells(budget: number | undefined): number {
  const most = defaults.admission.filter_capacity;
  return budget === undefined
    ? most
    : Math.min(most, Math.max(1, Math.floor((budget * FILTER_SHARE) / FILTER_CELL_BYTES)));
}

/** The group lasso makes whole rows zero: wherever rows are given up, such rows are. */
function emptiesRows({ optimizer }: EncodingSource): boolean {
  return typeof optimizer === "object" && (optimizer.ftrl?.l21 ?? 0) > 0;
}

function compileEviction(
  eviction: NonNullable<TableSource["eviction"]>,
  empties: boolean,
  { path, problems }: EncodingContext,
): EvictionSpec {
  const { expire_time, ...others } = eviction;
  if (Object.keys(eviction).length === 0 && !empties)
    problems.add(`${path}.eviction`, "names nothing by which rows go", "e.g. { policy: lru } or { expire_time: 7d }");
  if (expire_time === undefined) return others;
  const seconds = parseSeconds(expire_time);
  if (seconds === undefined)
    problems.add(`${path}.eviction.expire_time`, `${expire_time} is not a time`, "e.g. 7d, 12h, 30m, 90s");
  return { ...others, expire_time: seconds ?? 1 };
}
