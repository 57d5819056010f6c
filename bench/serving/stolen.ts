import { existsSync, readFileSync } from "node:fs";

/** Places in the first line of /proc/stat. */
const STOLEN = 7;
const KINDS = 8;

/** Times of all processors since the start, by kind; none where the system has no /proc. */
function times(): readonly number[] {
  if (!existsSync("/proc/stat")) return [];
  const [line] = readFileSync("/proc/stat", "utf8").split("\n");
  return line
    .split(/\s+/)
    .slice(1, 1 + KINDS)
    .map(Number);
}

/**
 * Measures what share of the processors' time a virtual machine's host gave to others meanwhile: latencies contain it, and no server can
 * do anything about it.
 * @returns percent; call at the end
 */
export function stolenSince(): () => number {
  const before = times();
  return () => {
    const passed = times().map((time, kind) => time - before[kind]);
    const all = passed.reduce((sum, time) => sum + time, 0);
    return all > 0 ? Number(((100 * passed[STOLEN]) / all).toFixed(1)) : 0;
  };
}
