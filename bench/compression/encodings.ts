import type { IdTable } from "./datasets.js";

/** A table of ids with what the exact table of it came to. */
export interface MeasuredTable extends IdTable {
  /** Distinct keys. */
  readonly rows: number;
  readonly bytes: number;
}

/** Tables of a spec by name, and which of them embeds the fields of an id table. */
export interface Layout {
  readonly tables: Readonly<Record<string, object>>;
  readonly of: Readonly<Record<string, string>>;
}

export interface Entry {
  readonly name: string;
  /** Shares of the full bytes it is measured at, at most and at least. Default: all. */
  readonly most?: number;
  readonly least?: number;
  /** Why it is not measured at others. */
  readonly because?: string;
  /** Its tables at a size; `scale` is about their share of the full bytes, and larger ones are never smaller. */
  layout(scale: number, ids: readonly MeasuredTable[]): Layout;
}

/** The unbounded table that all others are compared with. */
export const EXACT: Entry = {
  name: "exact",
  layout: (_, ids) => separate(ids, ({ dim, optimizer }) => ({ encoding: "exact", dim, optimizer })),
};

export const ENTRIES: readonly Entry[] = [
  { name: "hash", layout: (scale, ids) => separate(ids, (of) => budgeted(of, scale, { encoding: "hash" })) },
  { name: "shared", layout: (scale, ids) => pooled(ids, scale, { encoding: "shared" }) },
  {
    name: "compositional",
    layout: (scale, ids) => separate(ids, (of) => budgeted(of, scale, { encoding: "compositional" })),
  },
  {
    name: "compositional_concat",
    layout: (scale, ids) =>
      separate(ids, (of) => budgeted(of, scale, { encoding: "compositional", compositional: { combine: "concat" } })),
  },
  {
    name: "multi_hash",
    layout: (scale, ids) => separate(ids, (of) => budgeted(of, scale, { encoding: "multi_hash" })),
  },
  {
    name: "smaller_dim",
    least: 0.1,
    because: "a row of one float still has a key and an index",
    // Rows are reserved, so that the bytes are known before anything is learned.
    layout: (scale, ids) =>
      separate(ids, ({ rows, dim, optimizer }) => ({
        encoding: "exact",
        rows,
        dim: atLeast(1, dim * Math.min(1, scale)),
        optimizer,
      })),
  },
];

/** A table of a share of the bytes of the exact one. */
function budgeted({ bytes, dim, optimizer }: MeasuredTable, scale: number, table: object): object {
  return { budget: atLeast(1, bytes * scale), dim, optimizer, ...table };
}

/** One table for the fields of all id tables, kept apart by their salts. */
function pooled(ids: readonly MeasuredTable[], scale: number, table: object): Layout {
  const bytes = ids.reduce((sum, of) => sum + of.bytes, 0);
  return {
    tables: { pool: { salt: "field", ...budgeted({ ...ids[0], bytes }, scale, table) } },
    of: Object.fromEntries(ids.map(({ name }) => [name, "pool"])),
  };
}

/** Every id table encoded on its own. */
function separate(ids: readonly MeasuredTable[], table: (of: MeasuredTable) => object): Layout {
  const salted = (of: MeasuredTable) => (of.salt ? { salt: of.salt } : {});
  return {
    tables: Object.fromEntries(ids.map((of) => [of.name, { ...salted(of), ...table(of) }])),
    of: Object.fromEntries(ids.map(({ name }) => [name, name])),
  };
}

function atLeast(least: number, value: number): number {
  return Math.max(least, Math.round(value));
}
