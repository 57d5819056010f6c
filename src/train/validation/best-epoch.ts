import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { CheckpointContent } from "../../checkpoints/checkpoint.js";
import { blocksOf } from "../../checkpoints/lazy-blocks.js";
import { MANIFEST } from "../../checkpoints/manifest.js";
import { checkpointName } from "../../checkpoints/names.js";
import { CheckpointStore } from "../../checkpoints/store.js";
import type { BatchLayout } from "../../core/batch.js";
import { nodeFiles } from "../../core/files.js";
import { createModel } from "../../model/create.js";
import type { Model } from "../../model/model.js";
import type { Job } from "../job.js";
import type { Validation, ValidationState } from "./validation.js";

/**
 * The checkpoint of the epoch with the lowest validation logloss, in `DIR/best`: a complete model, from which the run
 * takes its weights at the end.
 */
export class BestEpoch {
  private readonly store: CheckpointStore;

  /** @param run the run's own store: nothing is written once another writer has taken over its directory */
  constructor(run: CheckpointStore) {
    this.store = new CheckpointStore(join(run.directory, "best"), run.fenced);
  }

  /** @throws checkpoint_write */
  save(examples: number, content: CheckpointContent): void {
    this.store.save(examples, content);
  }

  /**
   * Call when a run begins: earlier ones may not have saved the best epoch, because they did not stop early. It is saved
   * if it is the state that is resumed; else only later epochs can become the best.
   */
  begin(validation: Validation, examples: number, content: () => CheckpointContent): void {
    const { best } = validation;
    if (!best || nodeFiles.stat(join(this.store.directory, checkpointName(best.learned), MANIFEST))) return;
    if (best.learned === examples) this.save(examples, content());
    else validation.forgetBest();
  }

  /** The model as it was after `examples` examples. @throws checkpoint_missing, checkpoint_damaged */
  async load(examples: number, { spec, threads }: Job, layout: BatchLayout): Promise<Model> {
    const checkpoint = this.store.load(join(this.store.directory, checkpointName(examples)));
    const model = await createModel(spec, { layout, threads, purpose: "train" });
    model.restore(blocksOf(checkpoint));
    return model;
  }

  /** Call when a durable checkpoint refers to a better one: removes what is no longer needed to resume from it. */
  forget(state: ValidationState | undefined): void {
    if (!state?.best) return;
    const newest = checkpointName(state.best.learned);
    for (const name of checkpoints(this.store.directory)) {
      if (name < newest) rmSync(join(this.store.directory, name), { recursive: true, force: true });
    }
  }
}

function checkpoints(directory: string): string[] {
  try {
    return readdirSync(directory).filter((name) => name.startsWith("checkpoint-"));
  } catch {
    return [];
  }
}
