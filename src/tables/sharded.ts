import type { Block, SavedBlocks } from "../core/blocks.js";
import { xxh64 } from "../kernels/hash.js";
import {
  type Encoding,
  type EncodingOptions,
  type LanedEncoding,
  NO_TIME,
  type OwnedRows,
  type StreamTime,
} from "./encoding.js";
import { KeyPartition } from "./key-partition.js";
import { LanedShards } from "./laned-shards.js";
import type { RowChunk, RowStore } from "./row-store.js";
import type { AdmissionSpec, EncodingBase, StoreSpec } from "./spec.js";
import { StoreEncoding } from "./store-encoding.js";

/** A store whose rows may be in several memories. */
type Sharded = StoreSpec & Pick<EncodingBase, "shards">;

/**
 * Creates a store that takes distinct keys, in one memory or in several.
 * @throws HashbrookError table_full when its first rows do not fit
 */
export function openRows(spec: Sharded, options: EncodingOptions): Encoding {
  return (spec.shards ?? 1) > 1 ? new ShardedEncoding(spec, options) : new StoreEncoding(spec, options);
}

/**
 * A `hash` or `exact` table over several memories of up to 4 GiB: every key belongs to one shard, by a separate hash,
 * and a shard is a store named `<table>.<number>`. Rows, budget and filter are divided among the shards. In an exact
 * table the shards' rows equal those of the undivided table bit for bit (except for the random rounding of low
 * precisions).
 */
export class ShardedEncoding implements Encoding {
  readonly dim: number;
  readonly stores: readonly RowStore[];
  readonly dense = [];
  readonly owned?: OwnedRows;
  /** Present if other processes hold some of the shards. */
  readonly laned?: LanedEncoding;
  /** Shards held here, by number: all, unless `EncodingOptions.share` says otherwise. */
  private readonly shards: ReadonlyMap<number, StoreEncoding>;
  private readonly parts: KeyPartition;
  private readonly seed: bigint;
  /** True if a store without room for its new rows rejects a batch. */
  private readonly refuses: boolean;
  private learning = 0;

  /** @throws HashbrookError table_full when its first rows do not fit */
  constructor(spec: Sharded, options: EncodingOptions) {
    const shards = spec.shards ?? 1;
    this.dim = spec.dim;
    this.seed = xxh64("shard", BigInt(`0x${spec.seed}`));
    const { share } = options;
    const held = Array.from({ length: shards }, (_, i) => i).filter((i) => share?.holds(i) ?? true);
    this.shards = new Map(held.map((i) => [i, new StoreEncoding(shardSpec(spec, i, shards), options)]));
    this.stores = this.all.map(({ store }) => store);
    this.parts = new KeyPartition(spec.name, options.capacity, spec.dim, shards);
    const keyed = spec.encoding === "exact";
    this.refuses = keyed && spec.budget === undefined;
    if (share) this.laned = new LanedShards(spec, this.parts, this.seed, share);
    else if (keyed) this.owned = { plant: (chunk) => this.plant(chunk), others: null };
  }

  private get all(): StoreEncoding[] {
    return [...this.shards.values()];
  }

  get keys(): BigUint64Array {
    return this.parts.keys;
  }

  get vectors(): Float32Array {
    return this.parts.vectors;
  }

  get gradients(): Float32Array {
    return this.parts.gradients;
  }

  get bytes(): number {
    return this.all.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  async gather(count: number, mode: "learn" | "score", clock: StreamTime): Promise<void> {
    const { parts } = this;
    this.learning = 0;
    parts.kernel.byHash(count, this.seed);
    if (mode === "learn" && this.refuses) this.reserve();
    for (const [p, shard] of this.shards) {
      shard.keys.set(parts.keysOf(p));
      await shard.gather(parts.count(p), mode, clock);
      parts.take(p, shard.vectors);
    }
    parts.kernel.spread(count);
    if (mode === "learn") this.learning = count;
  }

  backward(): void {
    this.parts.kernel.collect(this.learning);
    this.shards.forEach((shard, p) => {
      shard.gradients.set(this.parts.gradientsOf(p));
    });
  }

  gradientsFinite(): boolean {
    return this.all.every((shard) => shard.gradientsFinite());
  }

  /** Every shard takes the step, even those without a key in the batch, because optimizers count steps (Adam). */
  apply(): void {
    for (const shard of this.all) shard.apply();
    this.learning = 0;
  }

  /**
   * The vectors of keys of a shard that is held here, for a lane that requests them. Nothing may be learning meanwhile.
   * @param keys u64: at most `capacity`, distinct
   * @returns f32[keys × dim], a copy
   */
  vectorsOf(shard: number, keys: BigUint64Array): Float32Array {
    const held = this.shards.get(shard)!;
    held.keys.set(keys);
    // Nothing to await: a learning store has its rows in memory.
    void held.gather(keys.length, "score", NO_TIME);
    return held.vectors.slice(0, keys.length * this.dim);
  }

  vectorOf(key: bigint): Float32Array | Promise<Float32Array> {
    return this.shards.get(this.parts.kernel.partOf(key, this.seed))!.vectorOf(key);
  }

  blocks(): Block[] {
    return this.all.flatMap((shard) => shard.blocks());
  }

  restore(blocks: SavedBlocks): void {
    for (const shard of this.all) shard.restore(blocks);
  }

  async close(): Promise<void> {}

  private plant({ keys, weights }: RowChunk): void {
    const { dim, shards, parts, seed } = this;
    const shardOf = Array.from(keys, (key) => parts.kernel.partOf(key, seed));
    shards.forEach(({ store }, p) => {
      const mine = [...keys.keys()].filter((i) => shardOf[i] === p);
      const planted = new Float32Array(mine.length * dim);
      mine.forEach((i, at) => {
        planted.set(weights.subarray(i * dim, (i + 1) * dim), at * dim);
      });
      store.plant({ keys: BigUint64Array.from(mine, (i) => keys[i]), weights: planted });
    });
  }

  /** Makes room in every shard before any of them adds a row: a batch is learned by all or by none. */
  private reserve(): void {
    this.shards.forEach((shard, p) => {
      const { store } = shard;
      if (store.room - store.rows >= this.parts.count(p)) return;
      shard.keys.set(this.parts.keysOf(p));
      store.reserve(shard.missing(this.parts.count(p)));
    });
  }
}

/** Shard `i` of `shards`: rows that do not divide evenly go to the last ones. */
function shardSpec(spec: Sharded, i: number, shards: number): StoreSpec {
  const { encoding, rows, dim, init, optimizer, seed, precision, rounding, budget, admission, eviction } = spec;
  return {
    name: `${spec.name}.${i}`,
    encoding,
    rows: Math.floor((rows + i) / shards),
    dim,
    init,
    optimizer,
    seed,
    ...(precision && { precision }),
    ...(rounding && { rounding }),
    ...(budget !== undefined && { budget: Math.floor(budget / shards) }),
    ...(admission && { admission: admissionOf(admission, shards) }),
    ...(eviction && { eviction }),
  };
}

function admissionOf(admission: AdmissionSpec, shards: number): AdmissionSpec {
  const { filter_capacity: capacity } = admission;
  return capacity === undefined ? admission : { ...admission, filter_capacity: Math.ceil(capacity / shards) };
}
