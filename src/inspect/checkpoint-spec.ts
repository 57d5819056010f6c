import { openCheckpoint, type Skipped } from "../checkpoints/store.js";
import { checkArguments } from "../core/arguments.js";
import { specOf } from "../model/load.js";
import type { CompiledSpec } from "../spec/compiled.js";

/** The spec of a checkpoint. */
export interface CheckpointSpec {
  /** The compiled spec, with every default; `keysOf` computes keys from it. */
  readonly spec: CompiledSpec;
  /** Damaged checkpoints that were skipped in favour of this one, and why. */
  readonly passed_over: readonly Skipped[];
}

/**
 * Reads the spec of a checkpoint, without loading its weights.
 * @param path a run's directory (its newest intact checkpoint) or one checkpoint's directory
 * @throws HashbrookError checkpoint_missing | checkpoint_damaged
 */
export function checkpointSpec(path: string): CheckpointSpec {
  checkArguments("checkpointSpec", { path }, { path: "path" });
  const opened = openCheckpoint(path);
  return { spec: specOf(opened), passed_over: opened.skipped };
}
