import { totalmem } from "node:os";
import { getHeapStatistics } from "node:v8";
import { bytes } from "./digits.js";
import { HashbrookError } from "./errors.js";

/** Bytes that this thread's objects hold outside its heap. `process.memoryUsage` knows them, too, but fails without /proc. */
export const bytesOutsideHeap = (): number => getHeapStatistics().external_memory;

/** Resident memory of the process, in bytes; 0 if the system does not tell, as in a jail without /proc. */
export function residentBytes(): number {
  try {
    return process.memoryUsage.rss();
  } catch {
    return 0;
  }
}

/** Bytes of memory that this process may use: the machine's, or the limit of its container (control group). */
export function memoryLimit(): number {
  return Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
}

/**
 * The least memory that any command takes after its rows are loaded: ONNX Runtime's session, threads, compiled code. With
 * a checkpoint of 408 MB, `export` took 56 MiB, `inspect` 62, `predict` 100, `serve` 117.
 */
const AFTERWARDS = 56 << 20;

/**
 * Refuses to load what would not fit beside what the process already holds, and will at least take afterwards: the system
 * kills a process that exceeds its limit, and it cannot report anything then.
 * @param what named by the error, such as a checkpoint's path
 * @param needed bytes of its rows and their index
 * @param afterwards bytes that are needed beside them; none by a process that runs already
 * @throws HashbrookError memory_short
 */
export function checkMemory(what: string, needed: number, afterwards = AFTERWARDS): void {
  const [held, limit] = [residentBytes(), memoryLimit()];
  if (held + needed + afterwards <= limit) return;
  const holds = afterwards
    ? `, already holds ${bytes(held)}, and needs ${bytes(afterwards)} at least to run`
    : ` and already holds ${bytes(held)}`;
  const message = `${what}: its rows need ${bytes(needed)}, but this process may use ${bytes(limit)} of memory${holds}`;
  throw new HashbrookError("memory_short", message, {
    hint: "allow it more memory (the container's limit), or, to serve it, use --precision f16, int8 or int4, or --row-store DIR",
  });
}
