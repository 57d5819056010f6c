import { setTimeout as sleep } from "node:timers/promises";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { builtFile } from "../../core/built-file.js";
import { fromPlainError, HashbrookError } from "../../core/errors.js";
import type { Job } from "../job.js";
import type { Progress, Report } from "../report.js";
import type { FromConsumer, ToConsumer } from "./thread-messages.js";

export interface PipelineOptions {
  /** Called a few times a second. */
  readonly onProgress?: (progress: Progress) => void;
  /** When it aborts, the batch at hand is finished and committed, and the report says `ended_by: "stopped"`. */
  readonly signal?: AbortSignal;
  /** Where a follower in this process reads the delta log; handed over. */
  readonly follower?: MessagePort | undefined;
}

/** How long the decoding thread may take to leave its consumer group: a member that goes without a word is waited for. */
const PARTING_MS = 2_000;

/**
 * Runs a job in two threads: source + decoder in one, model + metrics in the other; batches travel between them as
 * transferred buffers, at most four at a time. The calling thread stays free.
 * @throws HashbrookError whatever went wrong in a worker
 */
export async function runPipeline(job: Job, options: PipelineOptions = {}): Promise<Report> {
  const { port1, port2 } = new MessageChannel();
  const decoder = new Worker(builtFile("train/workers/decode-worker.js"), {
    workerData: { job, port: port1 },
    transferList: [port1],
  });
  const consumer = new Worker(builtFile("train/workers/consumer-worker.js"), {
    workerData: { job, port: port2, follower: options.follower ?? null },
    transferList: options.follower ? [port2, options.follower] : [port2],
  });
  const gone = new Promise((resolve) => decoder.once("exit", resolve));
  const stop = () => consumer.postMessage({ type: "stop" } satisfies ToConsumer);
  options.signal?.addEventListener("abort", stop, { once: true });
  try {
    return await new Promise<Report>((resolve, reject) => {
      consumer.on("message", (message: FromConsumer) => {
        if (message.type === "progress") options.onProgress?.(message.progress);
        else if (message.type === "done") resolve(message.report);
        else reject(fromPlainError(message.error));
      });
      consumer.on("error", reject);
      decoder.on("error", reject);
      consumer.on("exit", (code) =>
        reject(new HashbrookError("internal", `the ${job.kind} thread ended with code ${code}`)),
      );
      if (options.signal?.aborted) stop();
    });
  } finally {
    options.signal?.removeEventListener("abort", stop);
    await Promise.race([gone, sleep(PARTING_MS, undefined, { ref: false })]);
    await Promise.all([decoder.terminate(), consumer.terminate()]);
  }
}
