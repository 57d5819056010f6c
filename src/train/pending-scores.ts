import { type Block, bytesOf, type SavedBlocks, savedBytes } from "../core/blocks.js";
import type { CompiledSpec } from "../spec/compiled.js";

const NAME = "join/pending";
const FIRST_ROOM = 1 << 12;

/** Scores made before their impressions were learned, which wait for the final labels: 4 bytes each, oldest first. */
export class PendingScores {
  /** A ring buffer. */
  private logits = new Float32Array(FIRST_ROOM);
  private first = 0;
  private count = 0;

  /** null if labels are final when they are learned. @param blocks of the checkpoint to resume from */
  static of({ join }: CompiledSpec, blocks: SavedBlocks | undefined): PendingScores | null {
    if (!join?.correct) return null;
    const scores = new PendingScores();
    if (blocks) scores.restore(blocks);
    return scores;
  }

  add(logits: Float32Array): void {
    while (this.count + logits.length > this.logits.length) this.grow();
    const { length } = this.logits;
    for (let i = 0; i < logits.length; i++) this.logits[(this.first + this.count + i) % length] = logits[i];
    this.count += logits.length;
  }

  /** Removes and returns the oldest `count` scores. */
  take(count: number): Float32Array<ArrayBuffer> {
    const taken = this.oldest(count);
    this.first = (this.first + count) % this.logits.length;
    this.count -= count;
    return taken;
  }

  /** A copy: f32[waiting], oldest first. */
  block(): Block {
    return { name: NAME, dtype: "F32", shape: [this.count], data: bytesOf(this.oldest(this.count)) };
  }

  private restore(blocks: SavedBlocks): void {
    if (blocks.has(NAME)) this.add(new Float32Array(savedBytes(blocks, NAME, { each: 4 }).slice().buffer));
  }

  private oldest(count: number): Float32Array<ArrayBuffer> {
    const { logits, first } = this;
    return new Float32Array(count).map((_, i) => logits[(first + i) % logits.length]);
  }

  private grow(): void {
    const held = this.oldest(this.count);
    this.logits = new Float32Array(2 * this.logits.length);
    this.logits.set(held);
    this.first = 0;
  }
}
