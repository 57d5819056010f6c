import type { Problems } from "../schema/problems.js";
import { parseSeconds } from "../schema/units.js";

const MOST_SECONDS = 3650 * 86_400;

/** A duration as written in a spec (15m, 1d), in ms. @param positive whether 0 is refused */
export function milliseconds(path: string, given: string | number, problems: Problems, positive = false): number {
  const seconds = given === 0 || given === "0" ? 0 : parseSeconds(given);
  if (seconds !== undefined && seconds <= MOST_SECONDS && (seconds > 0 || !positive)) return Math.round(seconds * 1000);
  problems.add(path, `${given} is not a duration`, "e.g. 30s, 15m, 2h, 7d");
  return 1;
}
