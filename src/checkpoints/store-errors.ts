import { join } from "node:path";
import { HashbrookError } from "../core/errors.js";
import type { Skipped } from "./store.js";

/** The error for a checkpoint that is named as a run: the run would begin anew inside of it. */
export function checkpointAsRun(path: string): HashbrookError {
  return new HashbrookError("output_exists", `${path}: is a checkpoint, not the directory of a run`, {
    hint: `name the run's directory, ${join(path, "..")}; to start another run from this checkpoint, --init-from`,
  });
}

/** The error for a run of whose checkpoints none can be used. @param skipped all of them */
export function noneWhole(directory: string, skipped: readonly Skipped[]): HashbrookError {
  const reasons = skipped.map(({ reason }) => reason).join("; ");
  return new HashbrookError("checkpoint_damaged", `${directory}: all checkpoints are damaged: ${reasons}`, {
    hint: "restore the directory from a backup, or train again into another --out directory",
  });
}
