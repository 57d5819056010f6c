import type { Batch } from "../core/batch.js";
import { mixed } from "../core/mix.js";
import { xxh64 } from "../kernels/hash.js";
import type { CompiledSpec } from "../spec/compiled.js";

/**
 * Decides which negatives are learned: a seeded share of them, by the hash of the event's id, so that the decision is
 * the same wherever an event occurs again; if events have no id, by the hash of the event's number in the stream, which
 * a replay reproduces.
 */
export class NegativeSampling {
  private readonly below: number;
  private readonly hasIds: boolean;
  private readonly seeds: readonly [number, number];

  private constructor(rate: number, spec: CompiledSpec) {
    this.below = rate * 2 ** 32;
    this.hasIds = spec.label.id !== null;
    const seed = xxh64("negative_sampling", BigInt(spec.seed));
    this.seeds = [Number(seed & 0xffffffffn), Number(seed >> 32n)];
  }

  /** null if all negatives are learned. */
  static of(spec: CompiledSpec): NegativeSampling | null {
    return spec.negative_sampling === undefined ? null : new NegativeSampling(spec.negative_sampling, spec);
  }

  /** u8[rows]: 1 for the rows to learn. @param first the number of the batch's first event in the stream */
  taken(batch: Batch, first: number): Uint8Array {
    const { labels, ids } = batch;
    const halves = new Uint32Array(ids.buffer, ids.byteOffset, 2 * ids.length);
    const taken = new Uint8Array(batch.rows);
    for (let r = 0; r < batch.rows; r++) {
      const [low, high] = this.hasIds ? [halves[2 * r], halves[2 * r + 1]] : [first + r, (first + r) / 2 ** 32];
      taken[r] = Number(labels[r] > 0 || this.hash(low, high) < this.below);
    }
    return taken;
  }

  private hash(low: number, high: number): number {
    const [one, other] = this.seeds;
    return mixed(mixed(low ^ one) ^ high ^ other) >>> 0;
  }
}
