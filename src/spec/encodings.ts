import { kindOf, kindsThat, usual } from "../encodings/index.js";
import type { AnyKind, AnyOwn } from "../encodings/kind.js";
import { emptiesRows, usualOptimizer } from "../optimizers/index.js";
import { compileOptimizer, warnOfLostInit } from "../optimizers/schema.js";
import type { Problems } from "../schema/problems.js";
import { parseBytes, parseSeconds } from "../schema/units.js";
import { FILTER_CELL_BYTES } from "../tables/bytes.js";
import type { AdmissionSpec, EncodingBase, EvictionSpec, TableOptions } from "../tables/spec.js";
import { defaults as rowDefaults } from "../tables/spec.js";
import type { EncodingSpec } from "./compiled.js";
import { checkFit, sized } from "./fit.js";
import { givenOptions, withOwn } from "./own-options.js";
import { checkPrecision } from "./precisions.js";

/** What an encoding needs to know about its table. */
export interface EncodingContext {
  readonly name: string;
  readonly dim: number;
  /** 16 hex digits. */
  readonly seed: string;
  readonly path: string;
  readonly problems: Problems;
  /** True for single weights that learn event by event, or in a linear part: they have other encodings and defaults. */
  readonly linear: boolean;
  readonly init: number;
}

/** A table, or the encoding inside one. */
export type EncodingSource = TableOptions & { readonly encoding?: string };

/** The share of a table's budget for its admission filter, at most, if the spec gives no capacity. */
const FILTER_SHARE = 0.1;
/** Options that some encodings have, in addition to those under their names. */
const ONLY = {
  admission: ({ lifecycle }: AnyKind) => lifecycle,
  eviction: ({ lifecycle }: AnyKind) => lifecycle,
  shards: ({ store }: AnyKind) => store,
};

/** Resolves the encoding of a table's keys. Rows follow from the budget if they are not given. */
export function compileEncoding(source: EncodingSource, context: EncodingContext): EncodingSpec {
  const { name, dim, seed, path, problems, linear, init } = context;
  const encoding = source.encoding ?? usual.table;
  checkOptions(source, encoding, context);
  const budget = budgetOf(source, context);
  const optimizer = compileOptimizer(source.optimizer ?? usualOptimizer.table, `${path}.optimizer`, problems, linear);
  const base: EncodingBase = {
    name,
    encoding,
    rows: source.rows ?? rowDefaults.rows,
    dim,
    init: source.init ?? init,
    optimizer,
    seed,
    ...storage(source, kindOf(encoding), emptiesRows(optimizer), budget, context),
  };
  if (base.init > 0) warnOfLostInit(optimizer, `${path}.optimizer`, problems);
  const spec = sized(withOwn(base, ownCompiled(source, base, budget, context)), source, budget, context);
  checkPrecision(spec, path, problems);
  checkFit(spec, budget, context);
  return spec as EncodingSpec;
}

/** The options of the encoding's own kind that do not depend on its rows. */
function ownCompiled(
  source: EncodingSource,
  base: EncodingBase,
  budget: number | undefined,
  context: EncodingContext,
): AnyOwn | undefined {
  const path = `${context.path}.${base.encoding}`;
  const { inner, compile } = kindOf(base.encoding);
  const inside = (given: EncodingSource, share: number): EncodingBase => {
    const { option = "", encoding } = inner ?? {};
    const unsized = given.rows === undefined && given.budget === undefined && budget !== undefined;
    const own: EncodingSource = {
      ...(encoding !== undefined && { encoding }),
      ...(source.optimizer !== undefined && { optimizer: source.optimizer }),
      ...(unsized && kindOf(given.encoding ?? usual.table).rows !== "none" && { budget: Math.floor(budget * share) }),
      ...given,
    };
    return compileEncoding(own, {
      ...context,
      name: `${base.name}.${option}`,
      path: `${path}.${option}`,
      init: base.init,
    });
  };
  return compile?.(givenOptions(source, base.encoding), { path, problems: context.problems, inner: inside });
}

function checkOptions(source: EncodingSource, encoding: string, { path, problems, linear }: EncodingContext): void {
  const given = source as Record<string, unknown>;
  const meant = (key: string, kinds: readonly string[]) => {
    if (given[key] !== undefined && !kinds.includes(encoding))
      problems.add(
        `${path}.${key}`,
        `has no effect for ${encoding}`,
        `write encoding: ${kinds.join(" or ")}, or remove it`,
      );
  };
  for (const kind of kindsThat(({ source }) => source)) meant(kind, [kind]);
  for (const [key, has] of Object.entries(ONLY)) meant(key, kindsThat(has));
  if (linear && (source.shards ?? 1) > 1)
    problems.warn(
      `${path}.shards`,
      "has no effect for a model that learns event by event: its table is in one memory",
      "remove it, unless a run began with it",
    );
  if (linear && !kindOf(encoding).store) {
    const able = kindsThat(({ store }) => store).join(" or ");
    problems.add(
      `${path}.encoding`,
      `${encoding} learns in batches, but the model learns event by event`,
      `use ${able}`,
    );
  }
}

function budgetOf({ budget }: EncodingSource, { path, problems }: EncodingContext): number | undefined {
  const bytes = budget === undefined ? undefined : parseBytes(budget);
  if (budget !== undefined && bytes === undefined)
    problems.add(`${path}.budget`, `${budget} is not a size in bytes`, "e.g. 200 MB, 1.5 GiB, 50_000_000");
  return bytes;
}

/** How rows are stored, admitted and evicted; defaults are left out. */
function storage(
  source: EncodingSource,
  { lifecycle }: AnyKind,
  empties: boolean,
  budget: number | undefined,
  context: EncodingContext,
) {
  const { precision = "f32", rounding, shards = 1, admission, eviction } = source;
  if (eviction?.policy && budget === undefined)
    context.problems.add(
      `${context.path}.eviction.policy`,
      "requires a budget, but none is given",
      "e.g. budget: 200 MB",
    );
  return {
    ...(precision !== "f32" && { precision }),
    ...(rounding === "nearest" && { rounding }),
    ...(budget !== undefined && lifecycle && { budget }),
    ...(shards > 1 && { shards }),
    ...(admission && { admission: compileAdmission(admission, budget, context) }),
    ...(eviction && { eviction: compileEviction(eviction, empties, context) }),
  };
}

function compileAdmission(
  admission: NonNullable<TableOptions["admission"]>,
  budget: number | undefined,
  { path, problems }: EncodingContext,
): AdmissionSpec {
  const { occurrence_threshold, admit_probability, filter_capacity } = admission;
  if ((occurrence_threshold === undefined) === (admit_probability === undefined))
    problems.add(
      `${path}.admission`,
      "must have either occurrence_threshold or admit_probability",
      "give exactly one of them",
    );
  if (admit_probability !== undefined) return { admit_probability };
  return { occurrence_threshold: occurrence_threshold ?? 2, filter_capacity: filter_capacity ?? filterCells(budget) };
}

/** Cells of an admission filter if the spec gives none: limited to a tenth of the budget. */
function filterCells(budget: number | undefined): number {
  const most = rowDefaults.filter_capacity;
  return budget === undefined
    ? most
    : Math.min(most, Math.max(1, Math.floor((budget * FILTER_SHARE) / FILTER_CELL_BYTES)));
}

function compileEviction(
  eviction: NonNullable<TableOptions["eviction"]>,
  empties: boolean,
  { path, problems }: EncodingContext,
): EvictionSpec {
  const { expire_time, ...others } = eviction;
  if (Object.keys(eviction).length === 0 && !empties)
    problems.add(
      `${path}.eviction`,
      "has no rule by which rows are evicted",
      "e.g. { policy: lru } or { expire_time: 7d }",
    );
  if (expire_time === undefined) return others;
  const seconds = parseSeconds(expire_time);
  if (seconds === undefined)
    problems.add(`${path}.eviction.expire_time`, `${expire_time} is not a duration`, "e.g. 7d, 12h, 30m, 90s");
  return { ...others, expire_time: seconds ?? 1 };
}
