/** Most scores held, with their weights: 20 bytes each. */
const MOST = 4096;
const FIRST = 16;

/**
 * The weights of negatives and positives by score, in bounded memory. Scores are exact until there are too many distinct ones;
 * then the last bit of all of them is dropped, as often as needed. So the resolution follows the range that scores lie in.
 */
export class OrderedScores {
  /** Scores as whole numbers in the same order, without the dropped bits. After `merge` ascending and distinct. */
  private scores = new Uint32Array(FIRST);
  private negatives = new Float64Array(FIRST);
  private positives = new Float64Array(FIRST);
  private count = 0;
  /** Number of bits dropped. */
  private dropped = 0;

  add(score: number, negative: number, positive: number): void {
    this.append(orderOf(score) >>> this.dropped, negative, positive);
  }

  include(other: OrderedScores): void {
    while (this.dropped < other.dropped) this.coarsen();
    for (let i = 0; i < other.count; i++)
      // Making room may drop more bits.
      this.append(other.scores[i] >>> (this.dropped - other.dropped), other.negatives[i], other.positives[i]);
  }

  /** The area under the ROC curve; pairs of equal scores count 1/2. NaN if a class is missing. */
  auc(): number {
    this.merge();
    let below = 0;
    let positive = 0;
    let area = 0;
    for (let i = 0; i < this.count; i++) {
      area += this.positives[i] * (below + this.negatives[i] / 2);
      below += this.negatives[i];
      positive += this.positives[i];
    }
    return area / (positive * below);
  }

  private append(score: number, negative: number, positive: number): void {
    const at = this.count++;
    this.scores[at] = score;
    this.negatives[at] = negative;
    this.positives[at] = positive;
    if (this.count === this.scores.length) this.makeRoom();
  }

  private makeRoom(): void {
    this.merge();
    if (2 * this.count > this.scores.length && this.scores.length < MOST) this.grow();
    while (2 * this.count > this.scores.length) this.coarsen();
  }

  private grow(): void {
    const grown = <T extends Uint32Array | Float64Array>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    const size = 2 * this.scores.length;
    this.scores = grown(this.scores, new Uint32Array(size));
    this.negatives = grown(this.negatives, new Float64Array(size));
    this.positives = grown(this.positives, new Float64Array(size));
  }

  private coarsen(): void {
    this.dropped++;
    for (let i = 0; i < this.count; i++) this.scores[i] >>>= 1;
    this.merge();
  }

  /** Sorts the scores and adds up the weights of equal ones. */
  private merge(): void {
    const { scores, negatives, positives, count } = this;
    const order = Float64Array.from({ length: count }, (_, i) => scores[i] * MOST + i).sort();
    const sorted = [scores.slice(), negatives.slice(), positives.slice()] as const;
    this.count = 0;
    for (const one of order) {
      const i = one % MOST;
      const at = this.count - 1;
      if (at >= 0 && scores[at] === sorted[0][i]) {
        negatives[at] += sorted[1][i];
        positives[at] += sorted[2][i];
      } else {
        scores[at + 1] = sorted[0][i];
        negatives[at + 1] = sorted[1][i];
        positives[at + 1] = sorted[2][i];
        this.count++;
      }
    }
  }
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The place of an f32 among all of them, a u32; of both zeros the same. */
function orderOf(score: number): number {
  float[0] = score + 0;
  const [written] = bits;
  return (written & 0x80000000 ? ~written : written | 0x80000000) >>> 0;
}
