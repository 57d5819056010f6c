import { existsSync, readFileSync } from "node:fs";

/** Columns of the first line of /proc/stat. */
const STOLEN = 7;
const KINDS = 8;

/** Times of all processors since the start, by kind; none if the system has no /proc. */
function times(): readonly number[] {
  if (!existsSync("/proc/stat")) return [];
  const [line] = readFileSync("/proc/stat", "utf8").split("\n");
  return line
    .split(/\s+/)
    .slice(1, 1 + KINDS)
    .map(Number);
}

/**
 * Measures the share of processor time that a virtual machine's host gave to others: latencies contain it, and no server can
 * avoid it.
 * @returns a function to call at the end, for the percentage
 */
export function stolenSince(): () => number {
  const before = times();
  return () => {
    const passed = times().map((time, kind) => time - before[kind]);
    const all = passed.reduce((sum, time) => sum + time, 0);
    return all > 0 ? Number(((100 * passed[STOLEN]) / all).toFixed(1)) : 0;
  };
}
