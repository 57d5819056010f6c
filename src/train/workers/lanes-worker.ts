import { parentPort, workerData } from "node:worker_threads";
import { toPlainError } from "../../core/errors.js";
import { readRecordBatches } from "../../sources/kafka/fetched-batch.js";
import type { Job } from "../job.js";
import type { LanesOptions } from "../lanes/options.js";
import type { FromLanes } from "../lanes/pipeline.js";

const { job, options } = workerData as { job: Job; options: LanesOptions };
const stopping = new AbortController();
parentPort!.on("message", () => stopping.abort());

const tell = (message: FromLanes) => parentPort!.postMessage(message);

async function run(): Promise<void> {
  // Before anything loads kafkajs.
  readRecordBatches();
  const { runLanes } = await import("../lanes/member.js");
  const onProgress: LanesOptions["onProgress"] = (progress) => tell({ type: "progress", progress });
  tell({ type: "done", report: await runLanes(job, { ...options, signal: stopping.signal, onProgress }) });
}

run().catch((error) => tell({ type: "error", error: toPlainError(error) }));
