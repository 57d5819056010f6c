import { rmSync } from "node:fs";
import { basename, join } from "node:path";
import { GATE_FILE, type GateFile, goodCheckpoint, readGateFile, writeGateFile } from "../../checkpoints/gate-file.js";
import { examplesOf, newestFirst } from "../../checkpoints/names.js";
import { CheckpointStore } from "../../checkpoints/store.js";
import { checkArguments } from "../../core/arguments.js";
import { writeFileAtomically } from "../../core/atomic-file.js";
import { HashbrookError } from "../../core/errors.js";
import { nodeFiles, quietly } from "../../core/files.js";
import { COMMAND } from "./gatekeeper.js";

/** The directory within a run's directory to which `rollBack` moves files. */
const ROLLED_BACK = "rolled-back";

/** The result of `rollBack`. */
export interface RolledBack {
  /** Directory of the checkpoint that the run will continue from. */
  readonly checkpoint: string;
  /** Examples it had learned. */
  readonly examples: number;
  /** Newer checkpoints that were moved away. */
  readonly moved: readonly string[];
}

/**
 * Whether a run's publication is on hold, according to its `gate.json`.
 * @throws HashbrookError checkpoint_missing if there is none
 */
export function publishStatus(directory: string): GateFile {
  checkArguments("publishStatus", { directory }, { directory: "path" });
  const state = readGateFile(nodeFiles, directory);
  if (state) return state;
  throw new HashbrookError("checkpoint_missing", `${directory}: has no readable ${GATE_FILE}`, {
    hint: "name the directory of a run whose spec has a gate and that has learned events",
  });
}

/**
 * Accepts what a held run has learned: the trainer publishes it within a second, or when it is started again.
 * @throws HashbrookError usage if nothing is on hold; checkpoint_missing; checkpoint_write
 */
export function resumePublishing(directory: string): GateFile {
  checkArguments("resumePublishing", { directory }, { directory: "path" });
  const state = publishStatus(directory);
  if (!state.hold) throw new HashbrookError("usage", `${directory}: publication is not held`);
  writeFileAtomically(nodeFiles, join(directory, COMMAND), new TextEncoder().encode(`resume ${state.hold.number}\n`));
  return state;
}

/**
 * Takes a run back to its newest checkpoint that is known to be good: later ones, and the recorded order of events, are
 * moved to `rolled-back/`. Later events are learned again when the trainer is started.
 * @throws HashbrookError checkpoint_locked while a trainer is running; checkpoint_missing if none is known to be good;
 *   checkpoint_damaged
 */
export function rollBack(directory: string): RolledBack {
  checkArguments("rollBack", { directory }, { directory: "path" });
  const state = publishStatus(directory);
  const good = goodCheckpoint(nodeFiles, directory);
  if (good === undefined)
    throw new HashbrookError("checkpoint_missing", `${directory}: no checkpoint is known to be good`, {
      hint: "train into another directory, or accept what was learned: --resume",
    });
  const store = new CheckpointStore(directory);
  store.lock();
  try {
    const { examples } = store.load(good);
    const newer = newestFirst(nodeFiles.list(directory)).filter((name) => examplesOf(name)! > examples);
    const away = join(directory, ROLLED_BACK);
    nodeFiles.mkdir(away);
    for (const name of [...newer, "order.log"]) {
      if (!nodeFiles.stat(join(directory, name))) continue;
      nodeFiles.remove(join(away, name));
      nodeFiles.rename(join(directory, name), join(away, name));
    }
    nodeFiles.syncDirectory(away);
    nodeFiles.syncDirectory(directory);
    quietly(() => rmSync(join(directory, COMMAND), { force: true }));
    writeGateFile(nodeFiles, directory, { ...state, examples, hold: null, recovered: 0, good: basename(good) });
    return { checkpoint: good, examples, moved: newer };
  } finally {
    store.unlock();
  }
}
