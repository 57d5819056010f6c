import { ln } from "./kernel.js";
import { OrderedScores } from "./ordered-scores.js";
import { known } from "./result.js";

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
  /** Area under the ROC curve: exact for up to 2,048 distinct scores, otherwise within 0.001. */
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

/** Counts scored events. */
export class ScoreTotals {
  private readonly scores = new OrderedScores();
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
    this.scores.add(logit, weight * (1 - label), weight * label);
  }

  /** Adds another one's events. */
  include(other: ScoreTotals): void {
    this.events += other.events;
    this.weight += other.weight;
    this.positive += other.positive;
    this.predicted += other.predicted;
    this.calibrated += other.calibrated;
    this.loss += other.loss;
    this.scores.include(other.scores);
  }

  /** @param calibrates whether there are calibrated probabilities */
  quality(calibrates: boolean): BinnedQuality {
    const { events, weight, positive, predicted, loss } = this;
    const rate = positive / weight;
    const entropy = -(rate * ln(rate) + (1 - rate) * ln(1 - rate));
    return {
      events,
      logloss: known(loss / weight),
      auc: known(this.scores.auc()),
      normalized_entropy: known(loss / weight / entropy),
      predicted: known(predicted / weight),
      actual: known(rate),
      calibration: known(predicted / positive),
      ...(calibrates ? { calibrated: known(this.calibrated / positive) } : {}),
    };
  }
}
