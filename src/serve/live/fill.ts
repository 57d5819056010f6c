import type { Model } from "../../model/model.js";
import { filterBytes, storeBytes } from "../../tables/bytes.js";
import type { Table } from "../../tables/table.js";
import type { UnseenIds } from "./unseen.js";

/** The state of a model's tables, and what requests find in them. */
export interface TableFacts {
  readonly tables: readonly TableFill[];
  readonly unseen: readonly UnseenIds[];
}

/** The state of a table. */
export interface TableFill {
  readonly name: string;
  readonly encoding: string;
  /** Learned rows. */
  readonly rows: number;
  /** Bytes used for serving. */
  readonly bytes: number;
  /** How full it is, in terms of its rows or, if it grows, of its training budget; null if it has no bound. */
  readonly fill: number | null;
}

/** For every table of a model. */
export function fillOf({ tables }: Model): TableFill[] {
  return tables.map((table) => {
    const { rows, bytes } = table.stats();
    return { name: table.name, encoding: table.spec.encoding, rows, bytes, fill: shareOf(table) };
  });
}

function shareOf(table: Table): number | null {
  const { spec, stores } = table;
  const { rows, capacity } = table.stats();
  if (spec.encoding === "exact") {
    const { budget } = spec;
    return budget ? Math.min(1, (storeBytes({ ...spec, rows, encoding: "exact" }) + filterBytes(spec)) / budget) : null;
  }
  return capacity > 0 && stores.every(({ keyed }) => !keyed) ? rows / capacity : null;
}
