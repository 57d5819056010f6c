import type { IdTable } from "./datasets.js";

/** A table of ids with the size of its exact table. */
export interface MeasuredTable extends IdTable {
  /** Distinct keys. */
  readonly rows: number;
  readonly bytes: number;
}

/** Tables of a spec by name, and the one that embeds the fields of each id table. */
export interface Layout {
  readonly tables: Readonly<Record<string, object>>;
  readonly of: Readonly<Record<string, string>>;
}

export interface Entry {
  readonly name: string;
  /** True: its size cannot be chosen. */
  readonly unbounded?: boolean;
  /** The most bytes at which it is measured, and why not more. */
  readonly most?: { readonly bytes: number; readonly because: string };
  /** Its tables at a size; `scale` is about their share of the full bytes, and larger scales are never smaller. */
  layout(scale: number, ids: readonly MeasuredTable[]): Layout;
}

/** The unbounded table with which all others are compared. */
export const EXACT: Entry = unbounded("exact", {});

/** Not part of the curves: the cost of rounding, at the resulting size. */
export const ROUNDED: readonly Entry[] = [
  unbounded("rowwise", {}, "rowwise"),
  unbounded("rowwise_int8", { precision: "int8" }, "rowwise"),
  unbounded("rowwise_int8_nearest", { precision: "int8", rounding: "nearest" }, "rowwise"),
];

/**
 * Learning rates are those of the exact tables unless a comment says otherwise. "One pool" is shared by the fields of all id tables:
 * every field gets as much as its ids need, whereas separate tables have fixed shares.
 */
export const ENTRIES: readonly Entry[] = [
  // A new id gets a row at its second occurrence, and keeps it until it is evicted.
  pool("exact_admission", {
    encoding: "exact",
    admission: { occurrence_threshold: 2 },
    eviction: { policy: "lru" },
  }),
  pool(
    "exact_admission_int8",
    {
      encoding: "exact",
      admission: { occurrence_threshold: 2 },
      eviction: { policy: "lru" },
      precision: "int8",
    },
    "rowwise",
  ),
  each("hash", { encoding: "hash" }),
  pool("hash_pool", { encoding: "hash" }),
  // Four rows of four floats: fewer ids share all their rows. Better than two of eight if ids are the only features.
  pool("shared", { encoding: "shared", shared: { lookups: 4 } }),
  pool("shared_int8", { encoding: "shared", shared: { lookups: 2 }, precision: "int8" }, "rowwise"),
  // A product learns as slowly as its other factor is small, so its rows have larger learning rates.
  each("compositional", { encoding: "compositional" }, "product"),
  pool("compositional_concat", { encoding: "compositional", compositional: { partitions: 4, combine: "concat" } }),
  pool("multi_hash", { encoding: "multi_hash" }),
  pool("hot_cold", { encoding: "hot_cold", hot_cold: { threshold: 3, cold: { encoding: "shared" } } }),
  {
    name: "dhe",
    most: { bytes: 1.5e6, because: "every id of a batch costs a multiply-add for each of its decoder's weights" },
    layout: (scale, ids) => onePool(ids, ({ bytes, dim }) => decoder((bytes * scale) / ADAM_BYTES, dim)),
  },
  {
    name: "low_dim",
    // Rows are reserved, so that the bytes are known before learning.
    layout: (scale, ids) =>
      separate(ids, ({ rows, dim, optimizer }) => ({
        encoding: "low_dim",
        rows,
        low_dim: { dim: floatsOf(dim * scale, dim) },
        dim,
        optimizer,
      })),
  },
  {
    name: "smaller_dim",
    layout: (scale, ids) =>
      separate(ids, ({ rows, dim, optimizer }) => ({
        encoding: "exact",
        rows,
        dim: floatsOf(dim * scale, dim),
        optimizer,
      })),
  },
];

/** Bytes per weight of a decoder: itself and two moments. */
const ADAM_BYTES = 12;
/** Numbers of the code per unit of the hidden layer: a wide code distinguishes ids better than a wide layer of the same bytes. */
const CODE = 8;

/**
 * A decoder of about this many weights. One layer is better than two of this size. With a learning rate of 0.01 a decoder of uninformative
 * ids loses 1 pp, with 0.001 less than 0.1.
 */
function decoder(weights: number, dim: number): object {
  const width = atLeast(1, Math.sqrt(weights / CODE + (dim / CODE / 2) ** 2) - dim / CODE / 2);
  return {
    encoding: "dhe",
    dim,
    dhe: {
      hashes: 2 * atLeast(1, (width * CODE) / 2),
      width,
      depth: 1,
      activation: "relu",
      batch_norm: false,
      optimizer: { adam: { learning_rate: 0.001 } },
    },
  };
}

type Steps = "rowwise" | "product" | undefined;

function unbounded(name: string, table: object, steps?: Steps): Entry {
  const layout: Entry["layout"] = (_, ids) =>
    separate(ids, ({ dim, ...of }) => ({ encoding: "exact", dim, optimizer: optimizerOf(of, steps), ...table }));
  return { name, unbounded: true, layout };
}

/** An encoding with a separate table for every id table, with a share of the bytes of the exact one. */
function each(name: string, table: object, steps?: Steps): Entry {
  return { name, layout: (scale, ids) => separate(ids, (of) => ({ ...budgeted(of, scale, steps), ...table })) };
}

/** An encoding with one table for the fields of all id tables, distinguished by their salts. */
function pool(name: string, table: object, steps?: Steps): Entry {
  return { name, layout: (scale, ids) => onePool(ids, (of) => ({ ...budgeted(of, scale, steps), ...table })) };
}

function budgeted({ bytes, dim, ...of }: MeasuredTable, scale: number, steps: Steps): object {
  return { budget: atLeast(1, bytes * scale), dim, optimizer: optimizerOf(of, steps) };
}

function optimizerOf(of: Pick<MeasuredTable, "optimizer" | "rowwise" | "product">, steps: Steps): object {
  return of[steps ?? "optimizer"];
}

function onePool(ids: readonly MeasuredTable[], table: (of: MeasuredTable) => object): Layout {
  const bytes = ids.reduce((sum, of) => sum + of.bytes, 0);
  return {
    tables: { pool: { salt: "field", ...table({ ...ids[0], bytes }) } },
    of: Object.fromEntries(ids.map(({ name }) => [name, "pool"])),
  };
}

/** Every id table encoded separately. */
function separate(ids: readonly MeasuredTable[], table: (of: MeasuredTable) => object): Layout {
  const salted = (of: MeasuredTable) => (of.salt ? { salt: of.salt } : {});
  return {
    tables: Object.fromEntries(ids.map((of) => [of.name, { ...salted(of), ...table(of) }])),
    of: Object.fromEntries(ids.map(({ name }) => [name, name])),
  };
}

/** Floats of a row: one, or a multiple of four because of padding. */
function floatsOf(wanted: number, most: number): number {
  return wanted < 2.5 ? 1 : Math.min(most, 4 * atLeast(1, wanted / 4));
}

function atLeast(least: number, value: number): number {
  return Math.max(least, Math.round(value));
}
