import { ln, sigmoid } from "../metrics/kernel.js";

/** Quality over a block of events; NaN where undefined. */
export interface BlockQuality {
  /** Mean logarithmic loss. */
  readonly logloss: number;
  /** Exact area under the ROC curve. */
  readonly auc: number;
}

/** A change measured block by block, with its standard error; null where undefined. */
export interface Change {
  /** New − old log loss: positive is worse. */
  readonly logloss: number | null;
  /** Standard error of the mean of the blocks' paired differences; null for fewer than two blocks. */
  readonly logloss_se: number | null;
  /** New − old AUC within blocks: negative is worse. */
  readonly auc: number | null;
  /** As for the log loss. */
  readonly auc_se: number | null;
}

const order = new Uint32Array(1);
const float = new Float32Array(order.buffer);
const ROWS = 2 ** 20;

/**
 * The quality of a block's scores.
 * @param logits f32[n], at most 2^20; values that are not finite are left out
 */
export function blockQuality(logits: Float32Array, labels: Float32Array, weights: Float32Array): BlockQuality {
  let loss = 0;
  let weight = 0;
  let positive = 0;
  const places: number[] = [];
  const p = sigmoid(logits);
  for (let r = 0; r < logits.length; r++) {
    if (!Number.isFinite(logits[r])) continue;
    loss -= weights[r] * (labels[r] * ln(p[r]) + (1 - labels[r]) * ln(1 - p[r]));
    weight += weights[r];
    positive += weights[r] * labels[r];
    places.push(placeOf(logits[r]) * ROWS + r);
  }
  return {
    logloss: loss / weight,
    auc: area(Float64Array.from(places), labels, weights) / (positive * (weight - positive)),
  };
}

/** Weight of the correctly ordered pairs, ties counting half. @param places a score's position among all floats, and its row */
function area(places: Float64Array, labels: Float32Array, weights: Float32Array): number {
  places.sort();
  let below = 0;
  let sum = 0;
  for (let from = 0; from < places.length; ) {
    const score = Math.floor(places[from] / ROWS);
    let positives = 0;
    let negatives = 0;
    for (; from < places.length && Math.floor(places[from] / ROWS) === score; from++) {
      const r = places[from] % ROWS;
      positives += weights[r] * labels[r];
      negatives += weights[r] * (1 - labels[r]);
    }
    sum += positives * (below + negatives / 2);
    below += negatives;
  }
  return sum;
}

/** The position of a finite f32 number in the order of all; both zeros share one. */
function placeOf(x: number): number {
  float[0] = x === 0 ? 0 : x;
  return order[0] >= 2 ** 31 ? 2 ** 32 - 1 - order[0] : order[0] + 2 ** 31;
}

/** Accumulates the changes of each block. */
export class Changes {
  private readonly logloss = new Differences();
  private readonly auc = new Differences();

  /** @param weight of the block */
  add(before: BlockQuality, after: readonly BlockQuality[], weight: number): void {
    const mean = (of: (quality: BlockQuality) => number) =>
      after.reduce((sum, quality) => sum + of(quality) - of(before), 0) / after.length;
    this.logloss.add(
      mean((quality) => quality.logloss),
      weight,
    );
    this.auc.add(
      mean((quality) => quality.auc),
      weight,
    );
  }

  result(): Change {
    const loss = this.logloss.result();
    const area = this.auc.result();
    return { logloss: loss.mean, logloss_se: loss.se, auc: area.mean, auc_se: area.se };
  }
}

/** A weighted mean of blocks and its standard error. */
class Differences {
  private readonly values: { readonly difference: number; readonly weight: number }[] = [];

  add(difference: number, weight: number): void {
    if (Number.isFinite(difference)) this.values.push({ difference, weight });
  }

  result(): { mean: number | null; se: number | null } {
    const { values } = this;
    const total = values.reduce((sum, { weight }) => sum + weight, 0);
    if (values.length === 0) return { mean: null, se: null };
    const mean = values.reduce((sum, { difference, weight }) => sum + difference * weight, 0) / total;
    const squares = values.reduce((sum, { difference, weight }) => sum + (weight * (difference - mean)) ** 2, 0);
    const n = values.length;
    return { mean, se: n < 2 ? null : Math.sqrt((squares * n) / (n - 1)) / total };
  }
}
