import { MessageChannel, type MessagePort } from "node:worker_threads";
import { fromPlainError, type PlainError } from "../../core/errors.js";
import { Thread } from "../../core/thread-pool.js";
import type { Job } from "../job.js";
import type { Progress, Report } from "../metrics/report.js";
import type { PipelineOptions } from "../workers/pipeline.js";
import type { LaneShare, LanesOptions, OwnersShare } from "./options.js";

/** What one of several processes that work a topic's lanes is told of them. */
export interface LanesGiven {
  /** Which lanes are this process's. Not of an owner. */
  readonly lane?: LaneShare | undefined;
  /** How many owners hold the shards of tables between them. Default: every process holds all rows. */
  readonly owners?: number | undefined;
  /** Be one of these, and work no lane: those of shards ≡ `number` (mod `of`). */
  readonly owner?: LaneShare | undefined;
  /** Address that an owner listens on, where lanes reach it. Default 127.0.0.1. */
  readonly ownerHost?: string | undefined;
  /** The topic that carries what lanes bring. Default: `TOPIC.rounds.GROUP`. */
  readonly roundsTopic?: string | undefined;
  /** A lane that has told nothing for so long (ms) is worked by another process, too. Default 3,000. */
  readonly takeoverMs?: number | undefined;
}

/** What a thread that works lanes is given. */
export interface LanesTask {
  readonly job: Job;
  readonly options: Omit<LanesOptions, "signal" | "onProgress">;
  /** Of the thread that wants the report: any message stops. */
  readonly control: MessagePort;
}

/** What the thread that works lanes tells. */
export type FromLanes =
  | { readonly type: "progress"; readonly progress: Progress }
  | { readonly type: "done"; readonly report: Report | null }
  | { readonly type: "error"; readonly error: PlainError };

/** How long a thread whose run has ended may take to say that it can work another one. */
const PARTING_MS = 1_000;

/**
 * Works a topic's lanes in a thread of their own, which waits for brokers and computes in turn.
 * @param given null: all lanes are this process's, and no other takes part
 * @returns of a process that does not write the run's directory: null
 * @throws HashbrookError whatever went wrong in it
 */
export async function runLanesPipeline(
  job: Job,
  given: LanesGiven | null,
  { signal, onProgress }: PipelineOptions,
): Promise<Report | null> {
  const options: LanesTask["options"] = {
    share: given?.lane ?? null,
    owners: ownersOf(given),
    roundsTopic: given?.roundsTopic ?? null,
    takeoverMs: given?.takeoverMs,
  };
  const { port1: told, port2: control } = new MessageChannel();
  const thread = Thread.take("train/workers/lanes-worker.js");
  const stop = () => told.postMessage("stop");
  signal?.addEventListener("abort", stop, { once: true });
  try {
    return await new Promise<Report | null>((resolve, reject) => {
      told.on("message", (message: FromLanes) => {
        if (message.type === "progress") onProgress?.(message.progress);
        else if (message.type === "done") resolve(message.report);
        else reject(fromPlainError(message.error));
      });
      thread.begin({ job, options, control } satisfies LanesTask, [control], reject);
      if (signal?.aborted) stop();
    });
  } finally {
    signal?.removeEventListener("abort", stop);
    told.close();
    await thread.release(PARTING_MS);
  }
}

function ownersOf(given: LanesGiven | null): OwnersShare | null {
  const { owner, owners = owner?.of, ownerHost: host = "127.0.0.1" } = given ?? {};
  return owners === undefined ? null : { count: owners, number: owner?.number ?? null, host };
}
