import { HashbrookError } from "../core/errors.js";
import { isScaled, type RowLayout, rowLayout } from "../core/row-layout.js";
import type { TableKernel, WideKernel } from "../kernels/table.js";
import type { Optimizer } from "../optimizers/index.js";
import type { StoreSpec } from "../spec/compiled.js";
import type { RowKeeper } from "./kept-rows.js";
import type { ShardShare } from "./shard-share.js";
import type { Sharing } from "./sharing.js";

export interface StoreOptions {
  /** Bytes the table's memory may grow to; 4 GiB by default and at most. */
  readonly memoryLimit?: number;
  /** Takes workspace in the kernel's memory before the rows are laid behind it. */
  readonly workspace?: (kernel: TableKernel) => void;
  /** Of a table that learns event by event: the kernel of the wide part's. */
  readonly wide?: WideKernel | undefined;
  /** A replica's table: rows hold weights alone, `put` writes them, nothing can be learned. Default false. */
  readonly serving?: boolean;
  /** How a replica's rows hold their weights: f32 by default. A row of one weight has no scale of its own: it is f16 instead. */
  readonly servingPrecision?: ServingPrecision | undefined;
  /** Its rows are several threads'. Default: its own. */
  readonly sharing?: Sharing | undefined;
  /** Of a split table: which shards are held here. Default: all. */
  readonly share?: ShardShare | undefined;
  /** A replica's: keeps its rows, of which those that are used are in memory. Default: all are. */
  readonly keeper?: RowKeeper | undefined;
}

/** What a replica can hold its rows in. */
export const servingPrecisions = ["f32", "f16", "int8", "int4"] as const;
/** How rows are held for scoring alone. */
export type ServingPrecision = (typeof servingPrecisions)[number];

export const GIB = 2 ** 30;

/** How a store's rows lie in memory. */
export function layoutOf(spec: StoreSpec, optimizer: Optimizer, options: StoreOptions): RowLayout {
  const { encoding, dim, precision, eviction } = spec;
  if (!options.serving) return rowLayout(encoding, dim, optimizer.slots, precision, eviction);
  const { servingPrecision = "f32" } = options;
  return rowLayout(encoding, dim, [{ name: "w" }], isScaled(servingPrecision) && dim === 1 ? "f16" : servingPrecision);
}

/** The error for a store that would need room for `rows` rows of `stride` bytes, and may have `limit` bytes. */
export function tableFull(spec: StoreSpec, rows: number, stride: number, limit: number, mend: string): HashbrookError {
  const { name, budget, eviction } = spec;
  const place = budget ? `budget of ${budget} bytes` : `memory (limit ${(limit / GIB).toFixed(2)} GiB)`;
  const message = `table ${name}: ${rows} rows of ${stride} bytes do not fit in its ${place}`;
  const evict = budget && !eviction?.policy ? "set eviction.policy to lru or lfu, " : "";
  return new HashbrookError("table_full", message, {
    hint: `${evict}${mend}, a smaller dim, an optimizer with less state (rowwise_adagrad, sgd), or split the fields over several tables`,
  });
}
