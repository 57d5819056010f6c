/** Most event times per entry. */
export const MOST_TIMES = 64;

/** Up to `most` values, evenly spread over all of them. */
export function sampleEvenly(values: readonly number[], most = MOST_TIMES): number[] {
  if (values.length <= most) return [...values];
  return Array.from({ length: most }, (_, i) => values[Math.floor(((i + 0.5) * values.length) / most)]);
}

/**
 * Samples the times of the events learned since the last entry: every k-th, with k doubling as more come, so that it
 * stays small and the same events give the same times.
 */
export class EventTimes {
  private kept: number[] = [];
  private every = 1;
  private seen = 0;

  /** @param times ms since the epoch; 0 = the event has none */
  add(times: Float64Array): void {
    for (const time of times) {
      if (time <= 0 || this.seen++ % this.every !== 0) continue;
      this.kept.push(time);
      if (this.kept.length < 4 * MOST_TIMES) continue;
      this.kept = this.kept.filter((_, i) => i % 2 === 0);
      this.every *= 2;
    }
  }

  /** At most 64 times, evenly spread; starts over. */
  take(): number[] {
    const times = sampleEvenly(this.kept);
    this.kept = [];
    this.every = 1;
    this.seen = 0;
    return times;
  }
}

/** Number of recent ages for percentiles. */
const REMEMBERED = 16 * MOST_TIMES;

/** Seconds from `time` to `now`, both ms since the epoch; 0 if the clock that gave `time` is ahead. */
export const ageAt = (now: number, time: number): number => Math.max(0, now - time) / 1000;

/** The age of events when they were published: percentiles of a sample of recent ones. */
export class Freshness {
  private readonly now: () => number;
  private ages: number[] = [];

  /** @param now ms since the epoch */
  constructor(now: () => number) {
    this.now = now;
  }

  /** @param times ms since the epoch of events that were just published */
  add(times: readonly number[]): void {
    const now = this.now();
    this.ages = [...this.ages, ...times.map((time) => ageAt(now, time))].slice(-REMEMBERED);
  }

  /** Seconds; null before there are any. */
  percentiles(): { readonly p50: number; readonly p99: number } | null {
    if (this.ages.length === 0) return null;
    const sorted = Float64Array.from(this.ages).sort();
    const at = (q: number) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
    return { p50: at(0.5), p99: at(0.99) };
  }
}
