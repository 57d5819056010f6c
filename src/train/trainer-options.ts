import type { MessagePort } from "node:worker_threads";
import type { GivenFiles } from "../checkpoints/checkpoint.js";
import type { Clock } from "../core/clock.js";
import type { ShardShare } from "../tables/shard-share.js";
import type { Upstream } from "./consumer.js";
import type { StreamPosition } from "./job.js";
import type { Scored } from "./scored.js";
import type { RetryOptions } from "./workers/retry.js";

/** What a trainer is given beside its job. */
export interface TrainerOptions {
  readonly clock: Clock;
  /** Where a follower in this process reads the delta log; null: there is none. */
  readonly follower: MessagePort | null;
  readonly retry: RetryOptions;
  readonly upstream: Upstream;
  /** Where other models learn the same batches: told of this one's scores. The batches' memory is only read. */
  readonly scored?: Scored;
  /** Other processes hold shards of the tables. Default: none does. */
  readonly shards?: ShardsElsewhere | undefined;
}

/** Shards of tables that other processes hold. */
export interface ShardsElsewhere {
  readonly share: ShardShare;
  /** Their files of a checkpoint at this place; null: they are behind it. */
  save(position: StreamPosition | null): Promise<GivenFiles | null>;
}
