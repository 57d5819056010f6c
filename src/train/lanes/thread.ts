import { toPlainError } from "../../core/errors.js";
import { workTasks } from "../../core/thread-tasks.js";
import { readRecordBatches } from "../../sources/kafka/fetched-batch.js";
import type { FromLanes, LanesTask } from "./pipeline.js";

/**
 * Entry point of a lanes thread: runs each task until it ends or is told to stop, and posts `FromLanes` messages. Never
 * throws.
 */
export function workLanes(): void {
  // This must precede the loading of kafkajs.
  readRecordBatches();
  workTasks(worked);
}

/** @returns whether the thread can be reused: the job has closed everything it opened */
async function worked({ job, options, control }: LanesTask): Promise<boolean> {
  const stopping = new AbortController();
  const tell = (message: FromLanes) => control.postMessage(message);
  control.on("message", () => stopping.abort());
  try {
    const { runLanes } = await import("./member.js");
    const onProgress = (progress: Extract<FromLanes, { type: "progress" }>["progress"]) =>
      tell({ type: "progress", progress });
    tell({ type: "done", report: await runLanes(job, { ...options, signal: stopping.signal, onProgress }) });
    return true;
  } catch (error) {
    tell({ type: "error", error: toPlainError(error) });
    return false;
  } finally {
    control.close();
  }
}
