import type { MessagePort } from "node:worker_threads";
import type { GivenFiles } from "../checkpoints/checkpoint.js";
import type { Clock } from "../core/clock.js";
import type { ShardShare } from "../tables/shard-share.js";
import type { Upstream } from "./consumer.js";
import type { StreamPosition } from "./job.js";
import type { Scored } from "./scored.js";
import type { RetryOptions } from "./workers/retry.js";

/** A trainer's options, in addition to its job. */
export interface TrainerOptions {
  readonly clock: Clock;
  /** The port from which a follower in this process reads the delta log; null: there is none. */
  readonly follower: MessagePort | null;
  readonly retry: RetryOptions;
  readonly upstream: Upstream;
  /**
   * When several models learn the same batches: called with this one's scores. The batches' memory is then read-only.
   */
  readonly scored?: Scored;
  /** Shards of tables held by other processes. Default: none. */
  readonly shards?: ShardsElsewhere | undefined;
}

/** Shards of tables that other processes hold. */
export interface ShardsElsewhere {
  readonly share: ShardShare;
  /** Their files for a checkpoint at this position; null: they are already past it. */
  save(position: StreamPosition | null): Promise<GivenFiles | null>;
}
