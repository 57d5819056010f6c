import type { ScoreSums } from "../metrics/score-cells.js";
import type { Sample } from "./sample.js";

/** A kind of signal: how much it may vary by chance, and how large a change matters. */
export interface Kind {
  /** Variance by chance alone. @param n the sample size @param spread for a number, its spread */
  readonly variance: (mean: number, n: number, spread: number) => number;
  /** Smaller changes are accepted, however steady the signal was. */
  readonly least: (mean: number, spread: number) => number;
  /** Smaller samples are ignored. */
  readonly events: number;
  /** Only increases are a problem. */
  readonly high?: true;
}

const rate = (mean: number, n: number) => {
  const p = Math.max(1 / n, Math.min(1 - 1 / n, mean));
  return (p * (1 - p)) / n;
};

export const kinds = {
  missing: { variance: rate, least: () => 0.05, events: 50, high: true },
  unseen: { variance: rate, least: () => 0.25, events: 50, high: true },
  reject_rate: { variance: rate, least: () => 0.02, events: 100, high: true },
  label_rate: { variance: rate, least: (mean) => 0.5 * mean, events: 100 },
  // The sample consists of positives.
  calibration: { variance: (mean, n) => (mean * mean) / n, least: () => 0.35, events: 20 },
  normalized_entropy: { variance: (_, n) => 0.25 / n, least: () => 0.1, events: 20, high: true },
  mean: {
    variance: (_, n, spread) => (spread * spread) / n,
    least: (mean, spread) => Math.max(0.5 * spread, 0.1 * Math.abs(mean)),
    events: 30,
  },
  spread: { variance: (mean, n) => (mean * mean) / n, least: (mean) => 0.7 * mean, events: 30 },
} as const satisfies Record<string, Kind>;

export type KindName = keyof typeof kinds;

/** What is watched. */
export interface Signal {
  /** `label_rate`, `missing(user)`. */
  readonly name: string;
  readonly kind: KindName;
}

/** The signals' values in a window, in their order. */
export class Readings {
  /** NaN: no value. */
  readonly values: Float64Array;
  /** Sample sizes: events, values, positives. */
  readonly counts: Float64Array;
  /** 1: the sample is too small, whatever earlier values were. */
  readonly few: Uint8Array;

  constructor(signals: number) {
    this.values = new Float64Array(signals).fill(Number.NaN);
    this.counts = new Float64Array(signals);
    this.few = new Uint8Array(signals);
  }

  put(i: number, value: number, count: number, few = false): void {
    this.values[i] = value;
    this.counts[i] = count;
    this.few[i] = few ? 1 : 0;
  }
}

/** Signals that do not belong to a field. */
export const ofEvents: readonly Signal[] = (
  ["reject_rate", "label_rate", "calibration", "normalized_entropy"] as const
).map((kind) => ({ name: kind, kind }));

/** A window's event totals. */
export interface Window {
  readonly events: number;
  readonly rejects: number;
  readonly scores: ScoreSums;
  readonly sample: Sample;
}

/** Writes the signals that do not belong to a field, as the first ones. @param ln the natural logarithm */
export function readEvents(
  { events, rejects, scores, sample }: Window,
  into: Readings,
  ln: (x: number) => number,
): void {
  const { weight, positive, predicted, loss } = scores;
  const p = positive / weight;
  const entropy = -(p * ln(p) + (1 - p) * ln(1 - p));
  into.put(0, rejects / (events + rejects), events + rejects);
  into.put(1, p, sample.events);
  into.put(2, predicted / positive, sample.positives);
  into.put(3, loss / weight / entropy, Math.min(sample.positives, sample.negatives));
}
