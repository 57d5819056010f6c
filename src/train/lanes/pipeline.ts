import { Worker } from "node:worker_threads";
import { builtFile } from "../../core/built-file.js";
import { fromPlainError, HashbrookError, type PlainError } from "../../core/errors.js";
import type { Job } from "../job.js";
import type { Progress, Report } from "../report.js";
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

/** What the thread that works lanes tells. */
export type FromLanes =
  | { readonly type: "progress"; readonly progress: Progress }
  | { readonly type: "done"; readonly report: Report | null }
  | { readonly type: "error"; readonly error: PlainError };

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
  const options: Omit<LanesOptions, "signal" | "onProgress"> = {
    share: given?.lane ?? null,
    owners: ownersOf(given),
    roundsTopic: given?.roundsTopic ?? null,
    takeoverMs: given?.takeoverMs,
  };
  const worker = new Worker(builtFile("train/workers/lanes-worker.js"), { workerData: { job, options } });
  const stop = () => worker.postMessage("stop");
  signal?.addEventListener("abort", stop, { once: true });
  try {
    return await new Promise<Report | null>((resolve, reject) => {
      worker.on("message", (message: FromLanes) => {
        if (message.type === "progress") onProgress?.(message.progress);
        else if (message.type === "done") resolve(message.report);
        else reject(fromPlainError(message.error));
      });
      worker.on("error", reject);
      worker.on("exit", (code) => reject(new HashbrookError("internal", `the lanes' thread ended with code ${code}`)));
      if (signal?.aborted) stop();
    });
  } finally {
    signal?.removeEventListener("abort", stop);
    await worker.terminate();
  }
}

function ownersOf(given: LanesGiven | null): OwnersShare | null {
  const { owner, owners = owner?.of, ownerHost: host = "127.0.0.1" } = given ?? {};
  return owners === undefined ? null : { count: owners, number: owner?.number ?? null, host };
}
