import type { Block, SavedBlocks } from "../core/blocks.js";
import { HashbrookError } from "../core/errors.js";
import { ExactStore } from "./exact-store.js";
import { HashStore } from "./hash-store.js";
import type { Learner } from "./learner.js";
import type { RowStore, StoreOptions } from "./row-store.js";
import type { StoreSpec } from "./spec.js";

/** What learns in one store of rows, whose kernel does all of it. */
export abstract class StoreLearner implements Learner {
  readonly store: RowStore;
  readonly stores: readonly [RowStore];
  readonly dense = [];
  /** Rows (of a batch, or keys) of the last learning gather; null where there is none to apply. */
  protected learning: number | null = null;

  /** @throws HashbrookError table_full when its first rows do not fit */
  constructor(spec: StoreSpec, options: StoreOptions) {
    this.store = spec.encoding === "exact" ? new ExactStore(spec, options) : new HashStore(spec, options);
    this.stores = [this.store];
  }

  backward(): void {}

  gradientsFinite(): boolean {
    return this.store.kernel.gradientUsable(this.learning ?? 0) === 1;
  }

  apply(): void {
    if (this.learning === null)
      throw new HashbrookError("internal", `table ${this.store.spec.name}: apply without a learning gather`);
    this.store.kernel.apply(this.learning);
    this.learning = null;
  }

  vectorOf(key: bigint): Float32Array {
    return this.store.weightsOf(key);
  }

  blocks(): Block[] {
    return this.store.blocks();
  }

  restore(blocks: SavedBlocks): void {
    this.store.restore(blocks);
  }

  async close(): Promise<void> {}
}
