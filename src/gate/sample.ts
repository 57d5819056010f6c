import type { Batch } from "../core/batch.js";
import type { ScoreSums } from "../metrics/score-cells.js";

/** Sums over a window: of w y, w² y, w (1 - y) and w² (1 - y), for weights w and labels y. */
const POSITIVE = 0;
const POSITIVE_SQUARES = 1;
const NEGATIVE = 2;
const NEGATIVE_SQUARES = 3;

/** How many events of equal weight would tell as much as those of a window. */
export interface Sample {
  /** For the rate of positives. */
  readonly events: number;
  readonly positives: number;
  readonly negatives: number;
}

/**
 * The sample sizes behind weighted sums. Weights are importance weights, not frequencies: an event of weight 10 is one
 * observation that counts tenfold. Were all weights w, sums of n events would vary as those of n events, not of n w.
 *
 * The sum of the positives' weights P has the variance Σ w² y, and so the relative one of P ÷ a events, where
 * a = Σ w² y ÷ Σ w y is their typical weight; likewise that of the negatives N with b. Their rate p = P ÷ W has the
 * variance Σ w² (y - p)² ÷ W² = p (1 - p) (a N + b P) ÷ W², that of p (1 - p) ÷ n with n = W² ÷ (a N + b P). (Kish's
 * size (Σ w)² ÷ Σ w² is that only if weights do not depend on labels; after negative sampling they do.)
 */
export class SampleSizes {
  /** f64[4]: the sums. */
  readonly sums = new Float64Array(4);

  add({ labels, weights, rows }: Pick<Batch, "labels" | "weights" | "rows">): void {
    const { sums } = this;
    for (let r = 0; r < rows; r++) {
      const w = weights[r];
      const y = labels[r];
      sums[POSITIVE] += w * y;
      sums[POSITIVE_SQUARES] += w * w * y;
      sums[NEGATIVE] += w * (1 - y);
      sums[NEGATIVE_SQUARES] += w * w * (1 - y);
    }
  }

  begin(): void {
    this.sums.fill(0);
  }

  /** @param scores sums over the events that count, which may be some of those that were added */
  of({ weight, positive }: Pick<ScoreSums, "weight" | "positive">): Sample {
    const { sums } = this;
    const typical = (sum: number, squares: number) => (sums[sum] > 0 ? sums[squares] / sums[sum] : Number.NaN);
    const found = typical(POSITIVE, POSITIVE_SQUARES);
    const other = typical(NEGATIVE, NEGATIVE_SQUARES);
    const a = found || other || 1;
    const b = other || a;
    const negative = weight - positive;
    // Exact for equal weights.
    const events = a === b ? weight / a : weight ** 2 / (a * negative + b * positive);
    return { events, positives: positive / a, negatives: negative / b };
  }
}
