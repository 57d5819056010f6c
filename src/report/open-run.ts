import { blocksOf } from "../checkpoints/lazy-blocks.js";
import { openCheckpoint } from "../checkpoints/store.js";
import { DistinctCounts } from "../metrics/distinct.js";
import type { ProgressiveMetrics } from "../metrics/progressive.js";
import type { Metrics } from "../metrics/result.js";
import { SplitMetrics } from "../metrics/split.js";
import { specOf } from "../model/load.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { specHash } from "../spec/hash.js";
import type { ValidationState } from "../train/validation/validation.js";

/** Minimum number of windows for a curve by windows; else it is by equal parts of the stream. */
const WINDOWS = 8;

/** A run's newest checkpoint, without its weights. */
export interface Run {
  readonly directory: string;
  readonly path: string;
  readonly examples: number;
  readonly spec: CompiledSpec;
  readonly hash: string;
  readonly metrics: SplitMetrics;
  readonly oracle: SplitMetrics | null;
  readonly calibrated: SplitMetrics | null;
  readonly distinct: DistinctCounts;
  readonly validation: ValidationState | null;
}

/** @throws HashbrookError checkpoint_missing, checkpoint_damaged */
export function openRun(directory: string): Run {
  const opened = openCheckpoint(directory);
  const { checkpoint } = opened;
  const spec = specOf(opened);
  const blocks = blocksOf(checkpoint);
  const metrics = (name: string, scores: "logits" | "probabilities" = "logits") => {
    const found = new SplitMetrics({ window: spec.window, scores });
    if (!blocks.has(`${name}/position`) && !blocks.has(`${name}/histogram`)) return null;
    found.restore(name, blocks);
    return found;
  };
  const distinct = new DistinctCounts(spec.fields.length);
  if (blocks.has("metrics/distinct/registers")) distinct.restore("metrics/distinct", blocks);
  const { validation = null } = checkpoint.meta as { validation?: unknown } as { validation?: ValidationState };
  return {
    directory,
    path: checkpoint.path,
    examples: checkpoint.examples,
    spec,
    hash: specHash(spec),
    metrics: metrics("metrics/model") ?? new SplitMetrics({ window: spec.window }),
    oracle: metrics("metrics/oracle", "probabilities"),
    calibrated: metrics("metrics/calibrated"),
    distinct,
    validation,
  };
}

/** A stream's figures by windows, or by equal parts if there are few windows. */
export function curveOf(of: ProgressiveMetrics): { readonly byWindow: boolean; readonly parts: readonly Metrics[] } {
  const byWindow = of.windows.length >= WINDOWS;
  return { byWindow, parts: byWindow ? of.windows : of.curve() };
}
