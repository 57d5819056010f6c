import { parentPort, workerData } from "node:worker_threads";
import { toPlainError } from "../../core/errors.js";
import { readRecordBatches } from "../../sources/kafka/fetched-batch.js";
import type { Job } from "../job.js";
import type { LanesOptions } from "./options.js";
import type { FromLanes } from "./pipeline.js";

/** What the thread of lanes does: it works the job of its `workerData` until it is told to stop, and tells `FromLanes`. Never throws. */
export function workLanes(): void {
  const stopping = new AbortController();
  parentPort!.on("message", () => stopping.abort());
  run(stopping.signal).catch((error) => tell({ type: "error", error: toPlainError(error) }));
}

async function run(signal: AbortSignal): Promise<void> {
  const { job, options } = workerData as { job: Job; options: LanesOptions };
  // Before anything loads kafkajs.
  readRecordBatches();
  const { runLanes } = await import("./member.js");
  const onProgress: LanesOptions["onProgress"] = (progress) => tell({ type: "progress", progress });
  tell({ type: "done", report: await runLanes(job, { ...options, signal, onProgress }) });
}

const tell = (message: FromLanes) => parentPort!.postMessage(message);
