import { HashbrookError } from "../core/errors.js";
import { isScaled, type RowLayout, rowLayout } from "../core/row-layout.js";
import type { TableKernel, WideKernel } from "../kernels/table.js";
import { lighterThan, type Optimizer } from "../optimizers/index.js";
import type { StoreSpec } from "../spec/compiled.js";
import type { RowKeeper } from "./kept-rows.js";
import type { ShardShare } from "./shard-share.js";
import type { Sharing } from "./sharing.js";

export interface StoreOptions {
  /** Limit of the table's memory in bytes; 4 GiB by default and at most. */
  readonly memoryLimit?: number;
  /** Allocates workspace in the kernel's memory before the rows are placed behind it. */
  readonly workspace?: (kernel: TableKernel) => void;
  /** For a table that learns event by event: the kernel of the wide part's table. */
  readonly wide?: WideKernel | undefined;
  /** A replica's table: rows hold only weights, `put` writes them, nothing can be learned. Default false. */
  readonly serving?: boolean;
  /**
   * Precision of a replica's rows: f32 by default. Rows of one weight have no scale, so f16 is used instead of int8 and
   * int4.
   */
  readonly servingPrecision?: ServingPrecision | undefined;
  /** Its rows are shared by several threads. Default: not shared. */
  readonly sharing?: Sharing | undefined;
  /** For a split table: which shards are held here. Default: all. */
  readonly share?: ShardShare | undefined;
  /** For a replica: storage for its rows, of which those in use are in memory. Default: all rows are in memory. */
  readonly keeper?: RowKeeper | undefined;
}

/** The precisions of a replica's rows. */
export const servingPrecisions = ["f32", "f16", "int8", "int4"] as const;
/** Precision of rows that are only scored with. */
export type ServingPrecision = (typeof servingPrecisions)[number];

export const GIB = 2 ** 30;

/** The layout of a store's rows in memory. */
export function layoutOf(spec: StoreSpec, optimizer: Optimizer, options: StoreOptions): RowLayout {
  const { encoding, dim, precision, eviction } = spec;
  if (!options.serving) return rowLayout(encoding, dim, optimizer.slots, precision, eviction);
  const { servingPrecision = "f32" } = options;
  return rowLayout(encoding, dim, [{ name: "w" }], isScaled(servingPrecision) && dim === 1 ? "f16" : servingPrecision);
}

/** The error for a store that would need space for `rows` rows of `stride` bytes, with a limit of `limit` bytes. */
export function tableFull(
  spec: StoreSpec,
  rows: number,
  stride: number,
  limit: number,
  remedy: string,
): HashbrookError {
  const { name, budget, eviction } = spec;
  const place = budget ? `budget of ${budget} bytes` : `memory (limit ${(limit / GIB).toFixed(2)} GiB)`;
  const message = `table ${name}: ${rows} rows of ${stride} bytes do not fit in its ${place}`;
  const lighter = lighterThan(spec.optimizer.kind, spec.dim).join(", ");
  const less = lighter ? `, an optimizer with less state (${lighter})` : "";
  const evict = budget && !eviction?.policy ? "set eviction.policy to lru or lfu, " : "";
  return new HashbrookError("table_full", message, {
    hint: `${evict}${remedy}, a smaller dim${less}, or split the fields over several tables`,
  });
}
