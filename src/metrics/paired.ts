import { BLOCK_EVENTS, CELLS, type ScoreBlock, type ScoredStream, widened } from "./score-blocks.js";

/** A difference with its standard error, which is null if there are too few blocks. */
export interface Difference {
  /** The model's value minus the reference's. */
  readonly difference: number;
  /** Standard error of the difference. */
  readonly se: number | null;
}

/** How a model's progressive scores differ from the reference's on the same events. */
export interface PairedDifference {
  /** Events compared: those of completed blocks. */
  readonly events: number;
  /** Number of these blocks. */
  readonly blocks: number;
  /** Mean logistic loss, in nats: negative if the model is better. */
  readonly logloss: Difference;
  /** Log loss ÷ that of always predicting the click rate. */
  readonly normalized_entropy: Difference;
  /** Area under the ROC curve: positive if the model is better. null if one class is missing. */
  readonly auc: Difference | null;
  /**
   * Always-valid p-value: if both models had the same loss, the probability that the difference in logloss would ever be this
   * many standard errors from 0. It stays valid whenever, and however often, one looks. null without a standard error.
   */
  readonly p: number | null;
}

/** With fewer blocks a standard error is not meaningful. */
const LEAST_BLOCKS = 10;
/** Number of blocks of `BLOCK_EVENTS` for which `p` is tuned to fall fastest (see `alwaysValid`). */
const SOONEST = 100;

/**
 * Compares two models over the completed blocks they have in common. Standard errors are jackknife estimates: every figure is
 * recomputed without each block in turn, for both models, so that difficulty common to both cancels out and neighbouring events
 * may be correlated. For the mean loss this is the method of batch means.
 */
export function comparePaired(reference: ScoredStream, other: ScoredStream): PairedDifference {
  const width = Math.max(reference.width, other.width);
  const one = widened(reference, width);
  const two = widened(other, width);
  const count = Math.min(one.length, two.length);
  const places = Array.from({ length: count }, (_, b) => b).filter((b) => one[b].weight > 0 && two[b].weight > 0);
  const a = places.map((place) => one[place]);
  const b = places.map((place) => two[place]);
  const logloss = jackknifed(lossOf(a), lossOf(b));
  const { difference, se } = logloss;
  return {
    events: b.reduce((sum, { events }) => sum + events, 0),
    blocks: places.length,
    logloss,
    normalized_entropy: jackknifed(entropyOf(a), entropyOf(b)),
    auc: oneClass(a) || oneClass(b) ? null : jackknifed(aucOf(a), aucOf(b)),
    p: se === null ? null : alwaysValid(se > 0 ? difference / se : 0, (places.length * width) / BLOCK_EVENTS),
  };
}

/**
 * The p-value of a mean under continuous monitoring: 1 over the likelihood ratio of a normal mixture of means against a mean of
 * 0 (Robbins 1970); by Ville's inequality the ratio ever exceeds 1/p with probability p at most.
 * @param z the mean ÷ its standard error
 * @param n the number of independent parts
 */
export function alwaysValid(z: number, n: number): number {
  const ratio = n / SOONEST;
  const p = Math.sqrt(1 + ratio) * Math.exp((-z * z * ratio) / (2 * (1 + ratio)));
  return Math.min(1, p);
}

/** A figure over all blocks, and with each one left out. */
interface Figure {
  readonly whole: number;
  readonly without: Float64Array;
}

function jackknifed(reference: Figure, other: Figure): Difference {
  const difference = other.whole - reference.whole;
  const count = other.without.length;
  if (count < LEAST_BLOCKS) return { difference: count === 0 ? 0 : difference, se: null };
  const parts = other.without.map((value, b) => value - reference.without[b]);
  const mean = parts.reduce((sum, x) => sum + x, 0) / count;
  const squares = parts.reduce((sum, x) => sum + (x - mean) ** 2, 0);
  const se = Math.sqrt(((count - 1) / count) * squares);
  return { difference, se: Number.isFinite(se) ? se : null };
}

interface Sums {
  readonly weight: number;
  readonly positive: number;
  readonly loss: number;
}

function totals(blocks: readonly ScoreBlock[]): Sums {
  const sum = (name: keyof Sums) => blocks.reduce((all, block) => all + block[name], 0);
  return { weight: sum("weight"), positive: sum("positive"), loss: sum("loss") };
}

function figure(blocks: readonly ScoreBlock[], of: (sums: Sums) => number): Figure {
  const all = totals(blocks);
  const without = Float64Array.from(blocks, ({ weight, positive, loss }) =>
    of({ weight: all.weight - weight, positive: all.positive - positive, loss: all.loss - loss }),
  );
  return { whole: of(all), without };
}

const lossOf = (blocks: readonly ScoreBlock[]) => figure(blocks, ({ loss, weight }) => loss / weight);

function entropyOf(blocks: readonly ScoreBlock[]): Figure {
  return figure(blocks, ({ loss, weight, positive }) => {
    const rate = positive / weight;
    return loss / weight / -(rate * Math.log(rate) + (1 - rate) * Math.log1p(-rate));
  });
}

function oneClass(blocks: readonly ScoreBlock[]): boolean {
  const { weight, positive } = totals(blocks);
  return !(positive > 0 && positive < weight);
}

/** Positive-negative pairs in the right order, a tie counting half, ÷ all pairs; scores in one cell are ties. */
function aucOf(blocks: readonly ScoreBlock[]): Figure {
  const all = cellsOf(blocks);
  const { weight, positive } = totals(blocks);
  const negative = weight - positive;
  const ordered = pairsOf(all);
  const without = Float64Array.from(blocks, ({ cells, ...block }) => {
    // Leaving out a block removes the pairs it forms with all others, on either side; those within it were subtracted twice.
    const { above, below, own } = pairsWith(cells, all);
    const rest = ordered - above - below + own;
    return rest / ((positive - block.positive) * (negative - (block.weight - block.positive)));
  });
  return { whole: ordered / (positive * negative), without };
}

/** The cells of several blocks, summed. */
export function cellsOf(blocks: readonly ScoreBlock[]): Float64Array {
  const all = new Float64Array(2 * CELLS);
  for (const { cells } of blocks) for (let i = 0; i < all.length; i++) all[i] += cells[i];
  return all;
}

/** Weight of pairs with a positive above a negative; of those that are tied, half. */
export function pairsOf(cells: Float64Array): number {
  let below = 0;
  let sum = 0;
  for (let cell = 0; cell < CELLS; cell++) {
    const tied = cells[cell];
    sum += cells[CELLS + cell] * (below + tied / 2);
    below += tied;
  }
  return sum;
}

/** Weights of the pairs of a block's positives above all negatives, of all positives above its negatives, and of its own. */
function pairsWith(block: Float32Array, all: Float64Array): { above: number; below: number; own: number } {
  let beforeAll = 0;
  let beforeOwn = 0;
  let above = 0;
  let below = 0;
  let own = 0;
  for (let cell = 0; cell < CELLS; cell++) {
    const positive = block[CELLS + cell];
    const negative = block[cell];
    const ownBelow = beforeOwn + negative / 2;
    above += positive * (beforeAll + all[cell] / 2);
    below += all[CELLS + cell] * ownBelow;
    own += positive * ownBelow;
    beforeAll += all[cell];
    beforeOwn += negative;
  }
  return { above, below, own };
}
