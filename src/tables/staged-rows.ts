import { eachGiven } from "./given-rows.js";
import type { RowStore } from "./row-store.js";
import { PACKED } from "./rows.js";

/** Added and removed rows of one store. */
interface Changed {
  readonly keys: BigUint64Array;
  /** f32[keys × dim]. */
  readonly weights: Float32Array;
  readonly removed: BigUint64Array;
}

/**
 * An update of an exact serving store that is read meanwhile, in steps of a few hundred rows: staged rows are
 * invisible, then all become visible at once, and settling them changes nothing visible. Every step must run while
 * there is no reader.
 */
export class StagedRows {
  private readonly store: RowStore;
  private readonly parts: readonly Changed[];

  /** Makes room, which may move rows. @throws HashbrookError table_full, and nothing has changed */
  constructor(store: RowStore, parts: readonly Changed[]) {
    this.store = store;
    this.parts = parts;
    store.reserve(parts.reduce((sum, { keys, removed }) => sum + keys.length + removed.length, 0));
  }

  /** Makes rows added from now on invisible. Readers must be notified before. */
  begin(): void {
    this.store.kernel.beginStaging();
  }

  *stage(): Generator<void> {
    const { kernel, layout } = this.store;
    yield* this.laid((at, count, given) => kernel.stageNew(at, count, given, layout.dim));
    yield* this.laid((at, count, given) => kernel.stageChanged(at, count, given, layout.dim));
    for (const { removed } of this.parts) {
      for (let from = 0; from < removed.length; from += PACKED) {
        const some = removed.subarray(from, from + PACKED);
        new BigUint64Array(this.store.memory.buffer, this.store.packing, PACKED).set(some);
        kernel.stageRemoved(this.store.packing, some.length);
        yield;
      }
    }
  }

  /** Makes all of them visible. */
  show(): void {
    this.store.kernel.showStaged();
  }

  *settle(): Generator<void> {
    while (this.store.kernel.settleStaged(PACKED)) yield;
  }

  private *laid(use: (at: number, count: number, given: number) => void): Generator<void> {
    const { dim } = this.store.layout;
    for (const { keys, weights } of this.parts) {
      for (let from = 0; from < keys.length; from += PACKED) {
        const to = from + PACKED;
        const some = { keys: keys.subarray(from, to), weights: weights.subarray(from * dim, to * dim) };
        eachGiven(this.store, some, use);
        yield;
      }
    }
  }
}
