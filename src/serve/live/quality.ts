import { blocksOf } from "../../checkpoints/lazy-blocks.js";
import { ProgressiveMetrics } from "../../metrics/progressive.js";
import type { ReliabilityPoint } from "../../metrics/reliability.js";
import type { LoadedModel } from "../../model/load.js";

/** Points of the calibration plot. */
const POINTS = 20;

/** How well a model predicted the events that it learned, each before it was learned. */
export interface ServedQuality {
  /** Of the whole stream. */
  readonly lifetime: WindowQuality;
  /** Window by window, oldest first. */
  readonly windows: readonly WindowQuality[];
  readonly reliability: readonly ReliabilityPoint[];
}

export interface WindowQuality {
  /** Its end: examples from the start of the stream. */
  readonly to: number;
  readonly auc: number | null;
  readonly logloss: number | null;
  /** Predicted ÷ actual. */
  readonly calibration: number | null;
}

/** The quality stored in a checkpoint; null if it contains no metrics. */
export function qualityOf({ spec, checkpoint }: Pick<LoadedModel, "spec" | "checkpoint">): ServedQuality | null {
  const blocks = blocksOf(checkpoint);
  if (!blocks.has("metrics/model/position")) return null;
  const metrics = new ProgressiveMetrics({ window: spec.window });
  metrics.restore("metrics/model", blocks);
  const shown = ({ to, auc, logloss, calibration }: WindowQuality) => ({ to, auc, logloss, calibration });
  return {
    lifetime: shown(metrics.lifetime()),
    windows: metrics.windows.map(shown),
    reliability: metrics.reliability(POINTS),
  };
}
