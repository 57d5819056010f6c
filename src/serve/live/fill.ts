import type { Model } from "../../model/model.js";
import { filterBytes, storeBytes } from "../../tables/bytes.js";
import type { Table } from "../../tables/table.js";
import type { UnseenIds } from "./unseen.js";

/** What a model's tables hold, and what requests find in them. */
export interface TableFacts {
  readonly tables: readonly TableFill[];
  readonly unseen: readonly UnseenIds[];
}

/** What a table holds. */
export interface TableFill {
  readonly name: string;
  readonly encoding: string;
  /** Learned rows. */
  readonly rows: number;
  /** Bytes to serve from. */
  readonly bytes: number;
  /** How full it is: of its rows, or where it grows of its budget when it learns; null where nothing bounds it. */
  readonly fill: number | null;
}

/** Of every table of a model. */
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
