import { toPlainError } from "../../core/errors.js";
import { workTasks } from "../../core/thread-tasks.js";
import { readRecordBatches } from "../../sources/kafka/fetched-batch.js";
import type { FromLanes, LanesTask } from "./pipeline.js";

/** What the thread of lanes does: it works each job until it has ended or is told to stop, and tells `FromLanes`. Never throws. */
export function workLanes(): void {
  // Before anything loads kafkajs.
  readRecordBatches();
  workTasks(worked);
}

/** @returns whether nothing of the job is left: it has closed what it had opened */
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
