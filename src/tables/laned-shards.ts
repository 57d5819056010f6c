import type { TableContribution } from "./contribution.js";
import type { LanedEncoding } from "./encoding.js";
import type { KeyPartition } from "./key-partition.js";
import type { ShardKeys, ShardShare } from "./shard-share.js";
import type { EncodingBase } from "./spec.js";

const NO_KEYS = new BigUint64Array();
const NO_FLOATS = new Float32Array();

/** A table of a lane whose shards other processes hold: rows are requested from them, and gradients sent to them. */
export class LanedShards implements LanedEncoding {
  private readonly table: string;
  private readonly shards: readonly number[];
  private readonly parts: KeyPartition;
  private readonly seed: bigint;
  private readonly share: ShardShare;
  private count = 0;

  /** @param seed of the hash that assigns keys to shards */
  constructor({ name, shards = 1 }: EncodingBase, parts: KeyPartition, seed: bigint, share: ShardShare) {
    this.table = name;
    this.shards = Array.from({ length: shards }, (_, shard) => shard);
    this.parts = parts;
    this.seed = seed;
    this.share = share;
  }

  remoteKeys(count: number): ShardKeys[] {
    return this.divided(count).map((shard) => ({ shard, keys: this.parts.keysOf(shard).slice() }));
  }

  async gather(count: number): Promise<void> {
    const { parts } = this;
    this.count = count;
    const asked = this.divided(count);
    const vectors = this.share.rows!.vectors(this.table);
    for (const [i, shard] of asked.entries()) parts.take(shard, vectors[i]);
    parts.kernel.spread(count);
  }

  /** Divides the first `count` keys. @returns the shards that have some of them */
  private divided(count: number): number[] {
    const { parts } = this;
    parts.kernel.byHash(count, this.seed);
    return this.shards.filter((shard) => parts.count(shard) > 0);
  }

  async contribute(): Promise<TableContribution> {
    const { parts, shards } = this;
    parts.kernel.collect(this.count);
    const brought = shards.map((shard) => ({
      keys: parts.keysOf(shard).slice(),
      gradients: parts.gradientsOf(shard).slice(),
    }));
    return { keys: NO_KEYS, gradients: NO_FLOATS, shards: brought };
  }

  get sizes() {
    return this.share.rows?.sizes(this.table) ?? null;
  }
}
