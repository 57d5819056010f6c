import { ln } from "../metrics/kernel.js";

/** The logit's range is divided into cells of this width; the outermost include everything beyond. */
const LEAST = -12;
const WIDTH = 0.25;
export const CELLS = 96;

/** f64 before the cells: the current weight of an event, then the sums of `Totals`. */
const SCALE = 0;
const EVENTS = 1;
const WEIGHT = 2;
const POSITIVE = 3;
const PREDICTED = 4;
const CALIBRATED = 5;
const HEAD = 6;
/** f64 per cell: sums of weight, of weight × label and of weight × probability. */
const CELL = 3;
/** f64 per slice. */
export const SLICE = HEAD + CELLS * CELL;
/** Weights are rescaled when an event's weight has grown to this. */
const LARGE = 2 ** 40;
/** Below this, the product of a cell's weight and a probability (2^-126 at least) would be a subnormal number. */
const FAINT = 2 ** -896;

/**
 * Events with similar logits: the logit of their mean probability, their number, and how many were positive (in units of the
 * slice's mean weight).
 */
export interface Point {
  readonly logit: number;
  readonly events: number;
  readonly positive: number;
}

/** An event as a calibrator counts it, with probabilities predicted before it was learned. */
export interface Counted {
  readonly logit: number;
  readonly label: number;
  readonly weight: number;
  readonly predicted: number;
  readonly calibrated: number;
}

/** Sums over a slice's events, decayed: an event of `half_life` events ago counts half. */
export interface Totals {
  readonly events: number;
  /** Of weights. */
  readonly weight: number;
  /** Of weight × label. */
  readonly positive: number;
  /** Of weight × probability, before and after calibration. */
  readonly predicted: number;
  readonly calibrated: number;
}

/**
 * The statistics of a slice, in bounded memory: a histogram of logits with the positives in each cell. Instead of decaying
 * earlier events, later ones weigh more by a constant factor each, so the state does not depend on batch boundaries.
 */
export class Slice {
  /** f64[SLICE]: the state. */
  readonly data: Float64Array;

  constructor(data = Float64Array.of(1, ...new Float64Array(SLICE - 1))) {
    this.data = data;
  }

  /** @param growth factor by which the next event weighs more than this one */
  count({ logit, label, weight, predicted, calibrated }: Counted, growth: number): void {
    const { data } = this;
    const scale = data[SCALE];
    const w = weight * scale;
    data[EVENTS] += scale;
    data[WEIGHT] += w;
    data[POSITIVE] += w * label;
    data[PREDICTED] += w * predicted;
    data[CALIBRATED] += w * calibrated;
    const cell = Math.max(0, Math.min(CELLS - 1, Math.floor((logit - LEAST) / WIDTH)));
    const at = HEAD + cell * CELL;
    data[at] += w;
    data[at + 1] += w * label;
    data[at + 2] += w * predicted;
    data[SCALE] = scale * growth;
    if (data[SCALE] > LARGE) this.shrink();
  }

  /** The cells with events that have not decayed to nothing, in the order of their logits. */
  points(): Point[] {
    const { data } = this;
    const unit = data[WEIGHT] / data[EVENTS];
    const points: Point[] = [];
    for (let at = HEAD; at < SLICE; at += CELL) {
      const weight = data[at];
      if (!(weight >= FAINT)) continue;
      const event = unit * data[SCALE];
      const p = data[at + 2] / weight;
      points.push({ logit: ln(p / (1 - p)), events: weight / event, positive: data[at + 1] / event });
    }
    return points;
  }

  get totals(): Totals {
    const [scale, events, weight, positive, predicted, calibrated] = this.data;
    return {
      events: events / scale,
      weight: weight / scale,
      positive: positive / scale,
      predicted: predicted / scale,
      calibrated: calibrated / scale,
    };
  }

  private shrink(): void {
    const scale = this.data[SCALE];
    for (let i = 0; i < SLICE; i++) this.data[i] /= scale;
  }
}
