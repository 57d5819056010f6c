import type { Block, SavedBlocks } from "../../core/blocks.js";
import type { DenseOptimizer } from "../../optimizers/dense.js";
import type { Encoding, EncodingOptions, HotnessCounters, OwnedRows, StreamTime } from "../../tables/encoding.js";
import { KeyPartition } from "../../tables/key-partition.js";
import type { RowChunk, RowStore } from "../../tables/row-store.js";
import type { EncodingBase, StoreSpec } from "../../tables/spec.js";
import { NONE, StoreEncoding } from "../../tables/store-encoding.js";
import { Hotness } from "./hotness.js";
import type { HotColdOptions } from "./spec.js";

const HOT = 0;
const COLD = 1;

/** @param encode creates the cold part */
export async function createHotCold(
  spec: EncodingBase,
  own: HotColdOptions,
  options: EncodingOptions,
  encode: (spec: EncodingBase, options: EncodingOptions) => Promise<Encoding>,
): Promise<Encoding> {
  return new HotColdEncoding(spec, own, await encode(own.cold, options), options);
}

/**
 * CAFE (Zhang et al. 2024): hot ids own a row, out of a fixed number; the others use another encoding. An id is hot if
 * it has a row, in a trainer as in a replica. During training, a sketch scores ids by the norm of their gradient
 * relative to the batch's mean, or (hotness: frequency) by the batches they occur in. An id whose score passes the
 * threshold gets a row at the start of the next learning batch: a free one, or that of a clearly colder id, which
 * becomes cold again. A new row starts at its id's current vector, with fresh optimizer state.
 */
export class HotColdEncoding implements Encoding {
  readonly dim: number;
  readonly stores: readonly RowStore[];
  readonly dense: readonly DenseOptimizer[];
  readonly owned: OwnedRows;
  private readonly hot: StoreEncoding;
  private readonly cold: Encoding;
  private readonly parts: KeyPartition;
  /** None in a replica, which receives the hot ids. */
  private readonly scores: Hotness | null;
  private readonly byGradient: boolean;
  private readonly threshold: number;
  private learning = 0;

  /** @throws HashbrookError table_full when its rows, or the sketch, do not fit */
  constructor(spec: EncodingBase, own: HotColdOptions, cold: Encoding, options: EncodingOptions) {
    this.dim = spec.dim;
    this.hot = new StoreEncoding(hotSpec(spec), options);
    this.cold = cold;
    this.stores = [this.hot.store, ...cold.stores];
    this.dense = cold.dense;
    this.parts = new KeyPartition(spec.name, options.capacity, spec.dim, 2);
    this.scores = options.serving ? null : new Hotness(spec, own, options.capacity);
    this.threshold = own.threshold;
    this.byGradient = own.hotness === "gradient";
    this.scores?.gains.fill(1);
    const others = { room: spec.rows, encoding: cold, spec: own.cold };
    this.owned = { plant: (chunk) => this.plant(chunk), others };
  }

  get keys(): BigUint64Array {
    return this.parts.keys;
  }

  get vectors(): Float32Array {
    return this.parts.vectors;
  }

  get gradients(): Float32Array {
    return this.parts.gradients;
  }

  get bytes(): number {
    return this.hot.bytes + this.cold.bytes + (this.scores?.bytes ?? 0);
  }

  /** Promotions, demotions and the share of hot keys since the table was created; null in a replica. */
  get hotness(): HotnessCounters | null {
    return this.scores?.counters ?? null;
  }

  async gather(count: number, mode: "learn" | "score", clock: StreamTime): Promise<void> {
    const { parts } = this;
    this.learning = 0;
    if (mode === "learn") await this.settle(clock);
    await this.findRows(count);
    parts.kernel.byRow(count);
    for (const { part, encoding } of this.inUse()) {
      encoding.keys.set(parts.keysOf(part));
      await encoding.gather(parts.count(part), mode, clock);
      parts.take(part, encoding.vectors);
    }
    parts.kernel.spread(count);
    if (mode === "learn") this.learning = count;
  }

  async backward(): Promise<void> {
    this.parts.kernel.collect(this.learning);
    for (const { part, encoding } of this.inUse()) {
      encoding.gradients.set(this.parts.gradientsOf(part));
      await encoding.backward();
    }
  }

  gradientsFinite(): boolean {
    return this.inUse().every(({ encoding }) => encoding.gradientsFinite());
  }

  apply(): void {
    for (const { encoding } of this.inUse()) encoding.apply();
    this.observe();
    this.learning = 0;
  }

  async vectorOf(key: bigint): Promise<Float32Array> {
    await this.hot.store.find(key);
    return this.hot.store.kernel.rowOf(key) >>> 0 === NONE ? this.cold.vectorOf(key) : this.hot.vectorOf(key);
  }

  blocks(): Block[] {
    return [...this.hot.blocks(), ...(this.scores?.blocks() ?? []), ...this.cold.blocks()];
  }

  restore(blocks: SavedBlocks): void {
    this.hot.restore(blocks);
    this.scores?.restore(blocks);
    this.cold.restore(blocks);
  }

  close(): Promise<void> {
    return this.cold.close();
  }

  /** The parts with keys in the batch. */
  private inUse(): { part: number; encoding: Encoding }[] {
    const all = [
      { part: HOT, encoding: this.hot },
      { part: COLD, encoding: this.cold },
    ];
    return all.filter(({ part }) => this.parts.count(part) > 0);
  }

  /** Looks up which keys have hot rows. */
  private async findRows(count: number): Promise<void> {
    this.hot.keys.set(this.parts.keys.subarray(0, count));
    await this.hot.fetch(count);
    this.parts.rows.set(this.hot.rowsOf(count));
  }

  /** Scores the batch's keys. */
  private observe(): void {
    const { scores: hotness, parts, learning } = this;
    if (!hotness) return;
    const mean = this.byGradient ? parts.kernel.measure(learning) : 1;
    if (this.byGradient) hotness.gains.set(parts.norms.subarray(0, learning));
    hotness.keys.set(parts.keys.subarray(0, learning));
    hotness.rows.set(parts.rows.subarray(0, learning));
    hotness.kernel.observe(learning, this.hot.store.rows, mean > 0 ? 1 / mean : 0);
  }

  /** Gives newly hot ids their rows. */
  private async settle(clock: StreamTime): Promise<void> {
    if (!this.scores) return;
    const { keys, scores, victims } = this.scores.takePending();
    if (keys.length === 0) return;
    const { cold, hot, scores: hotness } = this;
    cold.keys.set(keys);
    await cold.gather(keys.length, "score", clock);
    this.demote(victims.filter((row) => row !== NONE));
    const first = hot.store.rows;
    hot.plant(keys, cold.vectors.subarray(0, keys.length * this.dim));
    scores.forEach((score, i) => {
      hotness.kernel.promote(first + i, score);
    });
  }

  /** Gives ids rows of their own, when starting from other vectors. */
  private plant(chunk: RowChunk): void {
    const first = this.hot.store.rows;
    this.hot.store.plant(chunk);
    chunk.keys.forEach((_, i) => {
      this.scores?.kernel.promote(first + i, this.threshold);
    });
  }

  private demote(victims: Uint32Array): void {
    const { store } = this.hot;
    for (const key of store.weightsOfRows(victims).keys) {
      this.scores?.kernel.demote(key, store.kernel.rowOf(key), store.rows);
      store.kernel.remove(key);
    }
  }
}

function hotSpec({ name, rows, dim, init, optimizer, seed, precision, rounding }: EncodingBase): StoreSpec {
  const low = { ...(precision && { precision }), ...(rounding && { rounding }) };
  return { name: `${name}.hot`, encoding: "exact", rows, dim, init, optimizer, seed, ...low };
}
