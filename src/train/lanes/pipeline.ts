import { MessageChannel, type MessagePort } from "node:worker_threads";
import { fromPlainError, type PlainError } from "../../core/errors.js";
import { Thread } from "../../core/thread-pool.js";
import type { Job } from "../job.js";
import type { Progress, Report } from "../metrics/report.js";
import { careful, type PipelineOptions } from "../workers/pipeline.js";
import type { LaneShare, LanesOptions, OwnersShare } from "./options.js";

/** Settings of one of several processes that work a topic's lanes. */
export interface LanesGiven {
  /** The lanes of this process. Not for an owner. */
  readonly lane?: LaneShare | undefined;
  /** Number of owners that share the shards of tables. Default: none, every process holds all rows. */
  readonly owners?: number | undefined;
  /** Makes this process an owner, of the shards ≡ `number` (mod `of`); it works no lane. */
  readonly owner?: LaneShare | undefined;
  /** Address that an owner listens on, which lanes must be able to reach. Default 127.0.0.1. */
  readonly ownerHost?: string | undefined;
  /** Name of the topic for the lanes' records. Default: `TOPIC.rounds.GROUP`. */
  readonly roundsTopic?: string | undefined;
  /** Time in ms without a record from a lane until another process works it too. Default 3,000. */
  readonly takeoverMs?: number | undefined;
}

/** A task for a lanes thread. */
export interface LanesTask {
  readonly job: Job;
  readonly options: Omit<LanesOptions, "signal" | "onProgress">;
  /** Connects to the thread that awaits the report; any message stops the run. */
  readonly control: MessagePort;
}

/** A message from a lanes thread. */
export type FromLanes =
  | { readonly type: "progress"; readonly progress: Progress }
  | { readonly type: "done"; readonly report: Report | null }
  | { readonly type: "error"; readonly error: PlainError };

/** Time in ms that a thread may take after a run until it is ready for another one; else it is terminated. */
const PARTING_MS = 1_000;

/**
 * Works a topic's lanes in a separate thread, which alternates between computing and waiting for brokers.
 * @param given null: this process works all lanes alone
 * @returns null if this process does not write the run's directory
 * @throws HashbrookError any error of the thread
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
      const { tell, ended } = careful(onProgress, stop);
      told.on("message", (message: FromLanes) => {
        if (message.type === "progress") tell(message.progress);
        else if (message.type === "done") ended(() => resolve(message.report), reject);
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
