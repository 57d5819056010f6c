import { grouped } from "../core/digits.js";
import type { Problems } from "../schema/problems.js";
import type { LanesSpec } from "./compiled.js";

/**
 * Measured cost, in points of AUC, of an update of this many events, by staleness (Globo's clicks,
 * `bench/results/lanes.json`).
 */
const COSTS: readonly (readonly [events: number, costs: readonly [now: number, stale: number]])[] = [
  [512, [0.07, 0.3]],
  [2048, [0.36, 1.01]],
  [8192, [1.02, 2.53]],
  [32_768, [1.61, 3.28]],
  [65_536, [1.65, 3.35]],
];
/** Cost in points from which a warning is given. */
const LEAST = 0.1;

/**
 * The measured cost of lanes: points of AUC at the largest measured size that does not exceed theirs, and the largest
 * size that costs less than 0.1 (without staleness). Null if theirs is no larger than that.
 */
export function costOfLanes({ count, round, staleness }: LanesSpec): {
  readonly measured: number;
  readonly points: number;
  readonly free: number;
} | null {
  const found = COSTS.findLast(([events]) => events <= count * round);
  if (!found || found[1][staleness] <= LEAST) return null;
  const [free] = COSTS.findLast(([, [now]]) => now <= LEAST)!;
  return { measured: found[0], points: found[1][staleness], free };
}

/** Warns if updates are larger than the largest size without a cost. */
export function warnOfCost(lanes: LanesSpec, problems: Problems): void {
  const cost = costOfLanes(lanes);
  if (!cost) return;
  const { measured, points, free } = cost;
  const stale = lanes.staleness === 1 ? " of staleness 1" : "";
  problems.warn(
    "train.round",
    `updates of ${grouped(measured)} events${stale} cost ${points} points of AUC in a measurement (600,000 events of Globo, learning rates tuned for each size)`,
    `set round: ${Math.max(1, Math.floor(free / lanes.count))}, without staleness (lanes × round of ${free} cost less than ${LEAST} points, but send more bytes per event); or raise the learning rates and compare (docs/SCALING.md)`,
  );
}
