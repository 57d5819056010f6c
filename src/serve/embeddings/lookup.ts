import { fromHex64 } from "../../core/hash.js";
import type { Model } from "../../model/model.js";
import { hasKeyedRows, hasRow } from "../../tables/similarities.js";
import type { Table } from "../../tables/table.js";
import { type Id, invalid, type Place } from "./places.js";
import type { Look } from "./steady.js";

/** An id's current embedding. */
export interface Embedded {
  readonly id: Id;
  readonly key: string;
  /** Whether its row was learned; null if ids have no rows of their own. */
  readonly learned: boolean | null;
  readonly vector: readonly number[];
}

/** Ids looked up at a time. */
const SLICE = 64;

/**
 * The vectors of ids: learned ones, or the initial ones of new ids.
 * @param placeIn where the ids are embedded
 */
export async function embedded(look: Look, placeIn: (model: Model) => Place, ids: readonly Id[]): Promise<Embedded[]> {
  const found: Embedded[] = [];
  for (let from = 0; from < ids.length; from += SLICE) {
    await look(async (model) => {
      // Sequentially: a decoder's memory holds one vector.
      for (const id of ids.slice(from, from + SLICE)) found.push(await embeddedOne(placeIn(model), id));
    });
  }
  return found;
}

async function embeddedOne({ table, keyOf }: Place, id: Id): Promise<Embedded> {
  const key = keyOf(id);
  const vector = [...(await table.vectorOf(fromHex64(key)))];
  return { id, key, learned: learned(table, fromHex64(key)), vector };
}

function learned(table: Table, key: bigint): boolean | null {
  if (hasKeyedRows(table)) return table.stores.some((store) => hasRow(store, key));
  return table.lookup ? hasRow(table.stores[0], key) : null;
}

/** @throws HashbrookError request_invalid */
export function needKeyedRows(table: Table): void {
  if (!table.stores.every(({ whole }) => whole))
    throw invalid(
      `table ${table.name}: its rows are on disk, so it cannot be searched`,
      "name the ids to compare with in `among`",
    );
  if (hasKeyedRows(table)) return;
  throw invalid(
    `table ${table.name}: its encoding (${table.spec.encoding}) has no row per key, so it cannot be searched`,
    "name the ids to compare with in `among`",
  );
}
