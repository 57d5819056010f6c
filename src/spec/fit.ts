import { grouped } from "../core/digits.js";
import { encodingBytes, kindOf, ownOptions } from "../encodings/index.js";
import type { Problems } from "../schema/problems.js";
import { sizeText } from "../schema/units.js";
import { FILTER_CELL_BYTES, filterBytes, fixedStore, storeBytes } from "../tables/bytes.js";
import type { EncodingBase } from "../tables/spec.js";
import type { EncodingContext, EncodingSource } from "./encodings.js";
import { givenOptions, withOwn } from "./own-options.js";

/** One store has one WebAssembly memory. */
const STORE_BYTES = 2 ** 32;
const MOST_ROWS = 2 ** 32 - 1;

/**
 * Sets the rows of an encoding with a fixed size, as written or as many as fit the budget, and what follows from them.
 */
export function sized(
  spec: EncodingBase,
  source: EncodingSource,
  budget: number | undefined,
  { path, problems }: EncodingContext,
): EncodingBase {
  const { rows, givesRows } = kindOf(spec.encoding);
  if (rows !== "fixed") return spec;
  const given = source.rows !== undefined || givesRows?.(givenOptions(source, spec.encoding)) === true;
  if (!given && budget === undefined)
    problems.add(
      path,
      `"rows" is missing: a ${spec.encoding} table has a fixed size`,
      "e.g. rows: 1_000_000, or budget: 50 MB",
    );
  return withRows(spec, source, given || budget === undefined ? spec.rows : mostRows(spec, source, budget));
}

/** The most rows with which an encoding stays within `budget` bytes; at least one. */
function mostRows(spec: EncodingBase, source: EncodingSource, budget: number): number {
  let fits = 1;
  let over = MOST_ROWS;
  while (fits + 1 < over) {
    const middle = Math.floor((fits + over) / 2);
    if (encodingBytes(withRows(spec, source, middle)) <= budget) fits = middle;
    else over = middle;
  }
  return fits;
}

function withRows(spec: EncodingBase, source: EncodingSource, wanted: number): EncodingBase {
  const { encoding } = spec;
  const found = kindOf(encoding).sized?.(ownOptions(spec), wanted, givenOptions(source, encoding));
  return found ? withOwn({ ...spec, rows: found.rows }, found.own) : { ...spec, rows: wanted };
}

/** Reports what cannot be built, and what would fit. */
export function checkFit(
  spec: EncodingBase,
  budget: number | undefined,
  { path, problems, linear }: EncodingContext,
): void {
  const { encoding, rows, dim, optimizer } = spec;
  const shards = linear ? 1 : (spec.shards ?? 1);
  const kind = kindOf(encoding);
  kind.check?.(ownOptions(spec), spec, path, problems);
  const bytes = encodingBytes(spec);
  if (budget !== undefined) checkBudget(spec, bytes, budget, path, problems);
  if (kind.rows === "fixed" && shards > rows)
    problems.add(`${path}.shards`, `${rows} rows cannot be split over ${shards} memories`, `use ${rows} at most`);
  if (bytes / shards < STORE_BYTES || kind.rows === "none" || kind.inner) return;
  const needed = Math.ceil(bytes / (STORE_BYTES * 0.95));
  problems.add(
    path,
    `${rows} rows of ${dim} floats and their ${optimizer.kind} state need ${(bytes / 2 ** 30).toFixed(1)} GiB, the limit of one memory is 4`,
    kind.store && !linear ? `set shards: ${needed}, or lower rows or dim` : "lower rows or dim",
  );
}

function checkBudget(spec: EncodingBase, bytes: number, budget: number, path: string, problems: Problems): void {
  if (filterBytes(spec) > budget / 2)
    problems.add(
      `${path}.admission.filter_capacity`,
      `the filter takes ${sizeText(filterBytes(spec))} of a budget of ${sizeText(budget)}, the limit is half`,
      `lower it to at most ${Math.floor(budget / 2 / FILTER_CELL_BYTES)}`,
    );
  if (bytes <= budget) return;
  const { remedy, pool } = kindOf(spec.encoding);
  const store = pool?.(ownOptions(spec), spec) ?? fixedStore(spec);
  const each = storeBytes({ ...store, rows: 1000 }) / 1000;
  const rows = grouped(Math.floor(budget / each));
  problems.add(
    `${path}.budget`,
    `the table needs ${sizeText(bytes)}, but the budget is ${sizeText(budget)}`,
    remedy ?? `use at most about ${rows} rows, or a smaller dim`,
  );
}
