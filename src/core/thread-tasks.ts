import { parentPort } from "node:worker_threads";
import { bytesOutsideHeap } from "./memory.js";
import type { TaskEnd } from "./thread-pool.js";

/** Memory (bytes) outside the heap that an idle thread may keep until its garbage is next collected. */
const MOST_KEPT_BYTES = 256 * 1024 * 1024;

/**
 * Runs the tasks given to a `Thread`, one after another. An error thrown by `work` ends the thread.
 * @param work resolves when nothing of a task is still running, to whether the thread is clean and can run other tasks
 */
export function workTasks<Task>(work: (task: Task) => Promise<boolean>): void {
  parentPort!.on("message", async (task: Task) => {
    const clean = await work(task);
    const small = bytesOutsideHeap() <= MOST_KEPT_BYTES;
    parentPort!.postMessage((clean && small ? "reusable" : "spent") satisfies TaskEnd);
  });
}
