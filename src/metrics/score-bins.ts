import { ln } from "./kernel.js";
import { known } from "./result.js";

/** Number of cells over logits up to this far from zero; the outermost include everything beyond. */
const CELLS = 1024;
const FARTHEST = 16;

/** An event that was scored. */
export interface Scored {
  readonly logit: number;
  /** Raw probability, and the calibrated one if the model has a calibrator. */
  readonly p: number;
  readonly q: number;
  readonly label: number;
  readonly weight: number;
}

/** Quality of some events, computed in bounded memory: null if undefined. */
export interface BinnedQuality {
  /** Events counted. */
  readonly events: number;
  /** Mean logarithmic loss. */
  readonly logloss: number | null;
  /** Area under the ROC curve from 1,024 cells of the logit: within 0.001 of the exact one. */
  readonly auc: number | null;
  /** logloss ÷ that of always predicting these events' click rate. */
  readonly normalized_entropy: number | null;
  /** Mean probability. */
  readonly predicted: number | null;
  /** Click rate. */
  readonly actual: number | null;
  /** Predicted ÷ actual clicks, for raw probabilities. */
  readonly calibration: number | null;
  /** The same for calibrated ones; present only if the model has a calibrator. */
  readonly calibrated?: number | null;
}

/** Counts events by cells of their logit. */
export class ScoreBins {
  /** For each cell: weight of negatives and of positives. */
  private readonly weights = new Float64Array(2 * CELLS);
  events = 0;
  private weight = 0;
  private positive = 0;
  private predicted = 0;
  private calibrated = 0;
  private loss = 0;

  add({ logit, p, q, label, weight }: Scored): void {
    this.events++;
    this.weight += weight;
    this.positive += weight * label;
    this.predicted += weight * p;
    this.calibrated += weight * q;
    this.loss -= weight * (label * ln(p) + (1 - label) * ln(1 - p));
    const cell = cellOf(logit);
    this.weights[2 * cell] += weight * (1 - label);
    this.weights[2 * cell + 1] += weight * label;
  }

  /** Adds another one's events. */
  include(other: ScoreBins): void {
    this.events += other.events;
    this.weight += other.weight;
    this.positive += other.positive;
    this.predicted += other.predicted;
    this.calibrated += other.calibrated;
    this.loss += other.loss;
    for (let i = 0; i < this.weights.length; i++) this.weights[i] += other.weights[i];
  }

  /** @param calibrates whether there are calibrated probabilities */
  quality(calibrates: boolean): BinnedQuality {
    const { events, weight, positive, predicted, loss } = this;
    const rate = positive / weight;
    const entropy = -(rate * ln(rate) + (1 - rate) * ln(1 - rate));
    return {
      events,
      logloss: known(loss / weight),
      auc: known(this.auc()),
      normalized_entropy: known(loss / weight / entropy),
      predicted: known(predicted / weight),
      actual: known(rate),
      calibration: known(predicted / positive),
      ...(calibrates ? { calibrated: known(this.calibrated / positive) } : {}),
    };
  }

  /** Pairs within one cell count 1/2. */
  private auc(): number {
    const positives = this.positive;
    const negatives = this.weight - this.positive;
    let below = 0;
    let area = 0;
    for (let at = 0; at < 2 * CELLS; at += 2) {
      area += this.weights[at + 1] * (below + this.weights[at] / 2);
      below += this.weights[at];
    }
    return area / (positives * negatives);
  }
}

function cellOf(logit: number): number {
  const cell = Math.floor(((logit + FARTHEST) * CELLS) / (2 * FARTHEST));
  return Math.max(0, Math.min(CELLS - 1, cell));
}
