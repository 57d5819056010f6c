import { type Batch, batchLayout } from "../../core/batch.js";
import { type CompiledField, fieldOf } from "../../fields/index.js";
import { xxh64 } from "../../kernels/hash.js";
import type { Model } from "../../model/model.js";
import { hasKeyedRows, hasRow } from "../../tables/similarities.js";
import type { Table } from "../../tables/table.js";

/**
 * A sample of a field's ids in recent requests: how many were looked up, and how many of them are unknown to the model.
 */
export interface UnseenIds {
  readonly field: string;
  readonly looked: number;
  readonly unseen: number;
}

/** Where a field's keys are in a batch. */
interface Place {
  readonly field: string;
  readonly table: Table;
  /** The key of a missing value, which is not an id. */
  readonly missing: bigint;
  /** The first key of a row; undefined: it has none. */
  readonly keyOf: (batch: Batch, row: number) => bigint | undefined;
  looked: number;
  unseen: number;
}

/** Counts are halved when they reach this, so that they reflect recent requests. */
const REMEMBERED = 20_000;

/** Counts ids in requests for which nothing was learned. That is known only if ids have rows of their own. */
export class UnseenCounts {
  private readonly places: readonly Place[];

  constructor({ spec, tables }: Pick<Model, "spec" | "tables">) {
    const layout = batchLayout(spec, 1);
    const ids = new Set(spec.fields.flatMap((field) => (hasIds(field) ? [field.name] : [])));
    this.places = spec.tables.flatMap(({ name, cells }, t) => {
      const table = tables.find((one) => one.name === name);
      if (!table || !hasKeyedRows(table)) return [];
      const singles = cells.filter(({ kind }) => kind === "single");
      return cells.flatMap((cell, c): Place[] => {
        // A field may be in several tables: the first one is used.
        if (!ids.delete(cell.field) || (cell.kind !== "single" && cell.kind !== "bag")) return [];
        const bag = layout.bags.findIndex((one) => one.table === t && one.cell === c);
        const keyOf = cell.kind === "bag" ? firstItem(bag) : keyAt(t, singles.length, singles.indexOf(cell));
        const missing = xxh64(new Uint8Array(), BigInt(`0x${cell.seed}`));
        return [{ field: cell.field, table, missing, keyOf, looked: 0, unseen: 0 }];
      });
    });
  }

  /** Looks up one row's ids. The tables must not change meanwhile. */
  look(batch: Batch, row: number): void {
    for (const place of this.places) {
      const key = place.keyOf(batch, row);
      if (key === undefined || key === place.missing) continue;
      if (place.looked === REMEMBERED) {
        place.looked >>= 1;
        place.unseen >>= 1;
      }
      place.looked++;
      if (!place.table.stores.some((store) => hasRow(store, key))) place.unseen++;
    }
  }

  get counts(): UnseenIds[] {
    return this.places.map(({ field, looked, unseen }) => ({ field, looked, unseen }));
  }
}

/** Values read as text are ids, alone or in lists; a vector's numbers are in no table. */
const hasIds = ({ type }: CompiledField) => ["text", "items"].includes(fieldOf(type).reads ?? "");

const keyAt = (table: number, width: number, at: number) => (batch: Batch, row: number) =>
  batch.keys(table)[row * width + at];

const firstItem = (bag: number) => (batch: Batch, row: number) => {
  const { offsets, keys } = batch.bag(bag);
  return offsets[row] < offsets[row + 1] ? keys[offsets[row]] : undefined;
};

/** Sums the counts of several threads. */
export function together(counts: readonly (readonly UnseenIds[])[]): UnseenIds[] {
  const [first = [], ...others] = counts;
  return first.map(({ field, looked, unseen }, i) => ({
    field,
    looked: others.reduce((sum, other) => sum + (other[i]?.looked ?? 0), looked),
    unseen: others.reduce((sum, other) => sum + (other[i]?.unseen ?? 0), unseen),
  }));
}
