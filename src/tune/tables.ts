import { encodingBytes, kindOf, usual } from "../encodings/index.js";
import type { CompiledSpec, CompiledTable } from "../spec/compiled.js";
import type { SpecDocument } from "../spec/document.js";
import { filterBytes, storeBytes } from "../tables/bytes.js";
import type { StoreSpec } from "../tables/spec.js";
import { learnsByEvent } from "../towers/index.js";
import type { Profile } from "./profile/profile.js";
import type { TableOptions, TunedTable } from "./strategies/strategy.js";

/** A table's options that remain when everything that makes it smaller is removed. */
const FULL_OPTIONS = ["dim", "salt", "init", "optimizer"];
/** The share of a budget for tables that keep all of their ids. */
const SMALL_SHARE = 0.25;
/** Tables with so few ids may take more: each of their rows is used all the time. */
const FEW_IDS = 1000;
const FEW_SHARE = 0.5;
/** Spare rows for ids in later data. */
const SPARE = 1.25;
const SPARE_ROWS = 16;
/** Later batches may have more ids. */
const BATCH_SPARE = 1.5;
/** For models that learn event by event: ids per event, bags included. */
const EVENT_IDS = 256;
/** Overhead of a budget's layout, which is in whole groups of the index. */
const LAID_OUT = 1.15;

/** The spec with full tables: exact, f32, with a row for every id. */
export function fullDocument(document: SpecDocument): SpecDocument {
  const full = document.copy();
  for (const [name, options] of Object.entries(tablesOf(document)))
    full.set(["tables", name], fullOptions(options as TableOptions));
  return full;
}

function fullOptions(options: TableOptions): TableOptions {
  const { encoding = usual.table } = options as { encoding?: string };
  const kept = Object.entries(options).filter(([option]) => FULL_OPTIONS.includes(option));
  // Keys must not change, whatever the encoding's default.
  const salt = options.salt === undefined && kindOf(encoding).salt;
  return { ...Object.fromEntries(kept), ...(salt && { salt }) };
}

/** The tables of a spec's source, by name. */
function tablesOf(document: SpecDocument): Readonly<Record<string, unknown>> {
  return (document.get(["tables"]) ?? {}) as Readonly<Record<string, unknown>>;
}

/** The full spec with exactly one row reserved for every id in the data. */
export function referenceDocument(full: SpecDocument, tables: readonly TunedTable[]): SpecDocument {
  const reference = full.copy();
  for (const { name, wide, options, ids } of tables)
    if (!wide) reference.setCompact(["tables", name], { ...options, rows: Math.max(1, ids) });
  return reference;
}

/** Every table of the full spec, with its statistics. */
export function tunedTables(full: SpecDocument, spec: CompiledSpec, { fields, tables }: Profile): TunedTable[] {
  return spec.tables.map((compiled, t): TunedTable => {
    const { name, dim, role } = compiled;
    const { distinct, once, by_occurrences, batch_ids } = tables[t];
    const own = fields.filter(({ table }) => table === name);
    const wide = role === "wide";
    const rows = Math.max(1, distinct);
    return {
      name,
      wide,
      dim,
      options: wide ? {} : ((full.get(["tables", name]) ?? {}) as TableOptions),
      compiled,
      bytes: wide ? encodingBytes(compiled) : exactStoreBytes(compiled, rows),
      ids: distinct,
      repeated: distinct - once,
      batchIds: learnsByEvent(spec.tower.kind) ? Math.min(batch_ids, EVENT_IDS) : batch_ids,
      fields: own,
      information: own.reduce((sum, { information }) => sum + information, 0),
      occurrences: by_occurrences,
    };
  });
}

const exactStoreBytes = (table: CompiledTable, rows: number): number =>
  storeBytes({ ...(table as unknown as StoreSpec), encoding: "exact", rows }) + filterBytes(table);

/** Bytes of a growing table with these compiled options that has room for all ids of the data, and some to spare. */
export const roomyBytes = (table: CompiledTable, ids: number): number =>
  exactStoreBytes(table, Math.ceil(ids * SPARE) + SPARE_ROWS);

/** Bytes of a growing table with these compiled options that has room for a batch, with some to spare. */
export const leastBytes = (table: CompiledTable, { batchIds, ids }: TunedTable): number =>
  Math.ceil(exactStoreBytes(table, Math.min(Math.ceil(batchIds * BATCH_SPARE), ids) + SPARE_ROWS) * LAID_OUT);

/** A table that keeps all of its ids, and yet never exceeds `bytes`. */
export const bounded = (options: TableOptions, bytes: number): TableOptions => ({
  ...options,
  budget: bytes,
  eviction: { policy: "lru" },
});

/** Splits tables into those that keep all of their ids, with their bytes, and those whose size is to be chosen. */
export function split(
  tables: readonly TunedTable[],
  budget: number,
  share = SMALL_SHARE,
): { small: readonly { readonly table: TunedTable; readonly bytes: number }[]; tuned: readonly TunedTable[] } {
  const sized = tables
    .map((table) => ({ table, bytes: table.wide ? table.bytes : boundedBytes(table) }))
    .sort((a, b) => a.bytes - b.bytes);
  let taken = 0;
  const small = sized.filter(({ table, bytes }) => {
    const most = table.ids <= FEW_IDS && !table.wide ? Math.max(share, FEW_SHARE) : share;
    if (taken + bytes > budget * most) return false;
    taken += bytes;
    return true;
  });
  const names = new Set(small.map(({ table }) => table.name));
  return { small, tuned: tables.filter(({ name }) => !names.has(name)) };
}

/** Budget of a table with room for all ids. */
export const boundedBytes = ({ compiled, ids }: TunedTable): number =>
  roomyBytes({ ...compiled, eviction: { policy: "lru" } } as CompiledTable, ids);

/** Whether some of a spec's tables lack room for all ids of the data, so that useful rows are evicted. */
export const isCrowded = (spec: CompiledSpec, { tables }: Profile): boolean =>
  spec.tables.some((table) => {
    const ids = tables.find(({ name }) => name === table.name)?.distinct ?? 0;
    if (kindOf(table.encoding).rows !== "growing" || table.budget === undefined) return false;
    return table.budget < exactStoreBytes(table, ids);
  });
