import type { ScoreSums } from "../metrics/score-cells.js";

/** What a signal is of: how far it may move by chance, and how far it must move to matter. */
export interface Kind {
  /** Variance by chance alone. @param n what it is of @param spread of a number */
  readonly variance: (mean: number, n: number, spread: number) => number;
  /** Smaller changes are let through, however steady it was. */
  readonly least: (mean: number, spread: number) => number;
  /** Of less nothing follows. */
  readonly events: number;
  /** Only what is higher is worse. */
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
  // Of positives.
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

/** What signals are in a window, in their order. */
export class Readings {
  /** NaN: it has none. */
  readonly values: Float64Array;
  /** What each is of: events, values, positives. */
  readonly counts: Float64Array;
  /** 1: there is too little of it to go by, whatever it was before. */
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

/** Signals that are of no field. */
export const ofEvents: readonly Signal[] = (
  ["reject_rate", "label_rate", "calibration", "normalized_entropy"] as const
).map((kind) => ({ name: kind, kind }));

/** A window beside its fields. */
export interface Window {
  readonly events: number;
  readonly rejects: number;
  readonly scores: ScoreSums;
}

/** Puts in the signals that are of no field, as the first ones. @param ln the natural logarithm */
export function readEvents({ events, rejects, scores }: Window, into: Readings, ln: (x: number) => number): void {
  const { weight, positive, predicted, loss } = scores;
  const p = positive / weight;
  const entropy = -(p * ln(p) + (1 - p) * ln(1 - p));
  into.put(0, rejects / (events + rejects), events + rejects);
  into.put(1, p, weight);
  into.put(2, predicted / positive, positive);
  into.put(3, loss / weight / entropy, Math.min(positive, weight - positive));
}
