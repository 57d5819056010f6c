import { totalmem } from "node:os";
import { getHeapStatistics } from "node:v8";

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
