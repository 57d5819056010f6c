import type { Block, SavedBlocks } from "../core/blocks.js";
import { HashbrookError } from "../core/errors.js";
import { addContributions, placeKeys, type TableContribution } from "./contribution.js";
import type { StreamTime } from "./encoding.js";
import type { Learner } from "./learner.js";
import { openStore } from "./open-store.js";
import type { RowStore, StoreOptions } from "./row-store.js";
import type { StoreSpec } from "./spec.js";

/** A learner with a single store of rows, whose kernel does all the work. */
export abstract class StoreLearner implements Learner {
  readonly store: RowStore;
  readonly stores: readonly [RowStore];
  readonly dense = [];
  /** Rows (of a batch, or keys) of the last learning gather; null if there are no gradients to apply. */
  protected learning: number | null = null;
  /** Whether contributions were folded: gradients are summed already, and dX is not read. */
  private folded = false;

  /** @throws HashbrookError table_full when its first rows do not fit */
  constructor(spec: StoreSpec, options: StoreOptions) {
    this.store = openStore(spec, options);
    this.stores = [this.store];
  }

  backward(): void {}

  gradientsFinite(): boolean {
    return this.folded || this.store.kernel.gradientUsable(this.learning ?? 0) === 1;
  }

  /** Discards what was gathered or folded before. */
  protected begin(): void {
    this.learning = null;
    this.folded = false;
  }

  /** As in `Table`; every lane has checked that its gradients are finite. */
  fold(parts: readonly TableContribution[], factor: number, clock?: StreamTime): void {
    const { store } = this;
    const { kernel } = store;
    if (clock) store.lifecycle?.setClock(clock);
    const all = parts.reduce((sum, { keys }) => sum + keys.length, 0);
    const count = placeKeys(new BigUint64Array(store.memory.buffer, kernel.keysAt.value >>> 0, all), parts);
    this.begin();
    if (!kernel.gatherFolded(count)) throw store.full(store.rows + count);
    const dim = store.spec.dim;
    addContributions({ kernel, stage: () => this.stage, dim }, parts, factor);
    this.learning = count;
    this.folded = true;
  }

  /** dX, all of it. */
  protected abstract get stage(): Float32Array;

  apply(): void {
    if (this.learning === null)
      throw new HashbrookError("internal", `table ${this.store.spec.name}: apply without a learning gather`);
    if (this.folded) this.store.kernel.applyCollected();
    else this.store.kernel.apply(this.learning);
    this.begin();
  }

  vectorOf(key: bigint): Float32Array | Promise<Float32Array> {
    const found = this.store.find(key);
    return found ? found.then(() => this.store.weightsOf(key)) : this.store.weightsOf(key);
  }

  blocks(): Block[] {
    return this.store.blocks();
  }

  restore(blocks: SavedBlocks): void {
    this.store.restore(blocks);
  }

  async close(): Promise<void> {}
}
