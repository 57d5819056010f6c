import { ln, logistic } from "./kernel.js";

/** Initial events per block; blocks are merged in pairs, so that a stream has at most `MOST_BLOCKS`. */
export const BLOCK_EVENTS = 512;
const MOST_BLOCKS = 128;
/** Scores are resolved to 1/64 of a logit, between -16 and 16. */
export const CELLS = 2048;
const PER_LOGIT = 64;
/** log(1 + exp(-x)) comes from a table with linear interpolation; error 3e-8 at most. */
const PLACES = 1024;
const LARGEST = 24;

/** The scores in one block of the stream. */
export interface ScoreBlock {
  /** Its events that were scored. */
  readonly events: number;
  /** Sum of their weights. */
  readonly weight: number;
  /** Sum of weight × label. */
  readonly positive: number;
  /** Sum of the weighted losses, in nats. */
  readonly loss: number;
  /** f32[2 × CELLS]: weights of negatives by the score's cell, then those of positives. */
  readonly cells: Float32Array<ArrayBuffer>;
}

/**
 * The completed blocks of a stream, oldest first: block b covers positions [b × width, (b + 1) × width). Plain data that can
 * cross threads.
 */
export interface ScoredStream {
  /** Events of a block. */
  readonly width: number;
  /** In the order of the stream. */
  readonly blocks: readonly ScoreBlock[];
}

class Open implements ScoreBlock {
  events = 0;
  weight = 0;
  positive = 0;
  loss = 0;
  readonly cells = new Float32Array(2 * CELLS);

  join(other: ScoreBlock): void {
    this.events += other.events;
    this.weight += other.weight;
    this.positive += other.positive;
    this.loss += other.loss;
    other.cells.forEach((weight, i) => {
      this.cells[i] += weight;
    });
  }
}

/**
 * A model's progressive scores in blocks of the stream, in bounded memory (16 KiB per block, 128 blocks). Used to measure the
 * difference to another model's scores of the same events, with a standard error that holds if neighbouring events are
 * correlated.
 */
export class ScoreBlocks {
  private width = BLOCK_EVENTS;
  private blocks: Open[] = [];

  /**
   * Counts scores made before their events were learned. Values that are not finite are left out.
   * @param place position of the first one in the stream: the same for every model that is compared
   */
  add(place: number, logits: Float32Array, labels: Float32Array, weights: Float32Array): void {
    for (let i = 0; i < logits.length; ) {
      const block = this.blockAt(place + i);
      const to = Math.min(logits.length, i + this.width - ((place + i) % this.width));
      count(block, logits, labels, weights, i, to);
      i = to;
    }
  }

  /** The blocks that are complete once all events before `place` were added. Views: copy them to keep them. */
  until(place: number): ScoredStream {
    const finished = Math.floor(place / this.width);
    const blocks = Array.from({ length: finished }, (_, b) => this.blocks[b] ?? new Open());
    return { width: this.width, blocks };
  }

  private blockAt(place: number): Open {
    while (place >= MOST_BLOCKS * this.width) {
      this.blocks = joined(this.blocks, 2);
      this.width *= 2;
    }
    const b = Math.floor(place / this.width);
    for (let i = this.blocks.length; i <= b; i++) this.blocks.push(new Open());
    return this.blocks[b];
  }
}

/** A stream in blocks of `width`, a multiple of its own; an incomplete last one is left out. */
export function widened({ width: own, blocks }: ScoredStream, width: number): readonly ScoreBlock[] {
  const each = width / own;
  return each === 1 ? blocks : joined(blocks.slice(0, blocks.length - (blocks.length % each)), each);
}

function joined(blocks: readonly ScoreBlock[], each: number): Open[] {
  const result: Open[] = [];
  blocks.forEach((block, b) => {
    if (b % each === 0) result.push(new Open());
    result.at(-1)!.join(block);
  });
  return result;
}

function count(
  block: Open,
  logits: Float32Array,
  labels: Float32Array,
  weights: Float32Array,
  from: number,
  to: number,
): void {
  const { cells } = block;
  let { events, weight, positive, loss } = block;
  for (let i = from; i < to; i++) {
    const x = logits[i];
    const w = weights[i];
    const y = labels[i];
    // x - x is 0 for finite x and NaN otherwise.
    if (x - x + (w - w) + (y - y) !== 0) continue;
    events++;
    weight += w;
    positive += w * y;
    loss += w * (Math.max(x, 0) - x * y + softplus(Math.abs(x)));
    const cell = Math.min(CELLS - 1, Math.max(0, Math.floor(x * PER_LOGIT) + CELLS / 2));
    cells[cell] += w * (1 - y);
    cells[CELLS + cell] += w * y;
  }
  Object.assign(block, { events, weight, positive, loss });
}

let table: Float64Array | undefined;

/** ln(1 + exp(-x)) for x >= 0. */
function softplus(x: number): number {
  // By the kernel: the same bits in every version of Node.
  table ??= Float64Array.from({ length: LARGEST * PLACES + 2 }, (_, i) => -ln(logistic(i / PLACES)));
  if (x >= LARGEST) return 0;
  const at = x * PLACES;
  const i = Math.floor(at);
  return table[i] + (at - i) * (table[i + 1] - table[i]);
}
