import { MessageChannel, type MessagePort } from "node:worker_threads";
import { fromPlainError } from "../../core/errors.js";
import { Thread } from "../../core/thread-pool.js";
import type { Job } from "../job.js";
import type { Progress, Report } from "../metrics/report.js";
import type { ConsumeTask } from "./consuming.js";
import type { DecodeTask } from "./decoding.js";
import type { FromConsumer, ToConsumer } from "./thread-messages.js";

export interface PipelineOptions {
  /** Called a few times a second. What it throws ends the job as `signal` would, and is thrown then. */
  readonly onProgress?: (progress: Progress) => void;
  /** When it aborts, the current batch is finished and committed, and the report says `ended_by: "stopped"`. */
  readonly signal?: AbortSignal;
  /** The port from which a follower in this process reads the delta log; it is transferred. */
  readonly follower?: MessagePort | undefined;
}

/**
 * How long the decoding thread may take to leave its consumer group: otherwise the group waits for the missing member.
 */
const PARTING_MS = 2_000;

/**
 * Runs a job in two threads: source + decoder in one, model + metrics in the other; batches pass between them in four
 * shared buffers, used in turn. The calling thread stays free. Threads are reused by later jobs.
 * @throws HashbrookError whatever went wrong in a worker
 */
export async function runPipeline(job: Job, options: PipelineOptions = {}): Promise<Report> {
  const { port1, port2 } = new MessageChannel();
  const { port1: local, port2: control } = new MessageChannel();
  const { follower = null } = options;
  const decoder = Thread.take("train/workers/decode-worker.js");
  const consumer = Thread.take("train/workers/consumer-worker.js");
  const stop = () => local.postMessage({ type: "stop" } satisfies ToConsumer);
  options.signal?.addEventListener("abort", stop, { once: true });
  try {
    return await new Promise<Report>((resolve, reject) => {
      const { tell, ended } = careful(options.onProgress, stop);
      local.on("message", (message: FromConsumer) => {
        if (message.type === "progress") tell(message.progress);
        else if (message.type === "done") ended(() => resolve(message.report), reject);
        else reject(fromPlainError(message.error));
      });
      decoder.begin({ job, ports: [port1] } satisfies DecodeTask, [port1], reject);
      const task: ConsumeTask = { job, port: port2, control, follower };
      consumer.begin(task, follower ? [port2, control, follower] : [port2, control], reject);
      if (options.signal?.aborted) stop();
    });
  } finally {
    options.signal?.removeEventListener("abort", stop);
    local.close();
    await Promise.all([decoder.release(PARTING_MS), consumer.release(PARTING_MS)]);
  }
}

/** A caller's `onProgress`: an error thrown in a port's listener would end the process. */
export function careful(onProgress: PipelineOptions["onProgress"], stop: () => void) {
  let failure: { readonly error: unknown } | null = null;
  return {
    tell(progress: Progress): void {
      if (failure) return;
      try {
        onProgress?.(progress);
      } catch (error) {
        failure = { error };
        stop();
      }
    },
    /** Once the job has ended in order. */
    ended: (well: () => void, reject: (error: unknown) => void): void => (failure ? reject(failure.error) : well()),
  };
}
