import type { Views } from "../runtimes/runtime.js";

/** The Euclidean norm of all of them together. */
export function norm(views: Views): number {
  let sum = 0;
  for (const { data } of Object.values(views)) for (const value of data) sum += value * value;
  return Math.sqrt(sum);
}

/** The same by longer names. */
export function prefixed(prefix: string, views: Views): Views {
  return Object.fromEntries(Object.entries(views).map(([name, view]) => [prefix + name, view]));
}
