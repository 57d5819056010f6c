import type { CompiledSpec } from "../spec/compiled.js";
import type { Dims } from "../spec/cut.js";
import type { Job } from "./job.js";
import type { StreamOptions } from "./stream-job.js";

/** What to score, and with what. */
export interface ScoreStreamOptions extends StreamOptions {
  /** A run's directory or one checkpoint's directory. */
  readonly checkpoint: string;
  /** Cut nested vectors to prefixes: components by field or table; `all` is every nested table. Default: whole vectors. */
  readonly dims?: Dims | undefined;
}

/** A checkpoint that a stream is scored with. */
export interface ScoredCheckpoint {
  readonly spec: CompiledSpec;
  readonly files: readonly string[];
  /** Its part of the job. */
  readonly part: Pick<Job, "checkpoint" | "passedOver">;
}

/**
 * Finds the newest intact checkpoint. What reads it is imported on demand: training starts from a spec, and need not load
 * it.
 * @throws HashbrookError checkpoint_missing, checkpoint_damaged
 */
export async function scoredCheckpoint(path: string): Promise<ScoredCheckpoint> {
  const { openCheckpoint } = await import("../checkpoints/store.js");
  const { specOf } = await import("../model/load.js");
  const opened = openCheckpoint(path);
  const { checkpoint, skipped } = opened;
  return {
    spec: specOf(opened),
    files: checkpoint.files,
    part: { checkpoint: checkpoint.path, passedOver: skipped },
  };
}
