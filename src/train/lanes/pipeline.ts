import { Worker } from "node:worker_threads";
import { builtFile } from "../../core/built-file.js";
import { fromPlainError, HashbrookError, type PlainError } from "../../core/errors.js";
import type { Job } from "../job.js";
import type { Progress, Report } from "../report.js";
import type { PipelineOptions } from "../workers/pipeline.js";
import type { LaneShare } from "./member.js";

/** What may be said of lanes where a model is learned. */
export interface LanesGiven {
  /** Lanes of a spec that has none (`train.lanes`). */
  readonly lanes?: number | undefined;
  /** Of lanes that several processes work on a topic: which ones are this process's. Default: all, and no other takes part. */
  readonly lane?: LaneShare | undefined;
  /** With `lane`: the topic that carries what lanes bring. Default: `TOPIC.rounds.GROUP`. */
  readonly roundsTopic?: string | undefined;
  /** With `lane`: a lane that has told nothing for so long (ms) is worked by another process, too. Default 3,000. */
  readonly takeoverMs?: number | undefined;
}

/** What the thread that works lanes tells. */
export type FromLanes =
  | { readonly type: "progress"; readonly progress: Progress }
  | { readonly type: "done"; readonly report: Report | null }
  | { readonly type: "error"; readonly error: PlainError };

/**
 * Works a topic's lanes in a thread of their own, which waits for brokers and computes in turn.
 * @returns of a process that does not write the run's directory: null
 * @throws HashbrookError whatever went wrong in it
 */
export async function runLanesPipeline(
  job: Job,
  { lane, roundsTopic, takeoverMs }: LanesGiven,
  { signal, onProgress }: PipelineOptions,
): Promise<Report | null> {
  const options = { share: lane ?? null, roundsTopic: roundsTopic ?? null, takeoverMs };
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
