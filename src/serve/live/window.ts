import type { Clock } from "../../core/clock.js";

/** Seconds covered. */
export const SECONDS = 600;
/** Bins of the answered scores, with equal widths of the logit. */
const SCORE_BINS = 48;
const LOGITS = 12;
/** Bins of latency, each a quarter wider than the previous one. */
const LATENCY_BINS = 64;
const SHORTEST_MS = 0.1;
const GROWTH = 1.25;

/** The answers in one second. */
interface Second {
  /** Which second it is. */
  at: number;
  requests: number;
  errors: number;
  candidates: number;
  readonly latencies: Uint32Array;
  readonly scores: Uint32Array;
}

/** Statistics of the last minutes' requests, oldest second first. */
export interface Traffic {
  /** Seconds before now: -599 to 0. */
  readonly seconds: readonly number[];
  readonly requests: readonly number[];
  readonly errors: readonly number[];
  readonly candidates: readonly number[];
  /** Milliseconds; null in seconds without a request. */
  readonly p50_ms: readonly (number | null)[];
  readonly p99_ms: readonly (number | null)[];
  /** For the whole period: the number of scores around each logit. */
  readonly scores: { readonly logits: readonly number[]; readonly counts: readonly number[] };
}

/** The requests of the last ten minutes, second by second, in a fixed amount of memory. */
export class TrafficWindow {
  private readonly clock: Clock;
  private readonly ring: Second[] = Array.from({ length: SECONDS }, () => ({
    at: -1,
    requests: 0,
    errors: 0,
    candidates: 0,
    latencies: new Uint32Array(LATENCY_BINS),
    scores: new Uint32Array(SCORE_BINS),
  }));

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Counts an answered request. @param status of HTTP: from 400 on an error */
  answered(status: number, milliseconds: number, candidates: number): void {
    const now = this.current();
    now.requests++;
    if (status >= 400) now.errors++;
    now.candidates += candidates;
    const bin = Math.ceil(Math.log(milliseconds / SHORTEST_MS) / Math.log(GROWTH));
    now.latencies[Math.min(LATENCY_BINS - 1, Math.max(0, bin))]++;
  }

  /** Counts answered probabilities. */
  scored(probabilities: Iterable<number>): void {
    const { scores } = this.current();
    for (const p of probabilities) {
      const place = ((Math.log(p / (1 - p)) + LOGITS) / (2 * LOGITS)) * SCORE_BINS;
      scores[Math.min(SCORE_BINS - 1, Math.max(0, Math.floor(place)))]++;
    }
  }

  traffic(): Traffic {
    const now = this.second();
    const seconds = Array.from({ length: SECONDS }, (_, i) => i - SECONDS + 1);
    const ring = seconds.map((before) => {
      const second = this.ring[(now + before + SECONDS) % SECONDS];
      return second.at === now + before ? second : null;
    });
    const of = (value: (second: Second) => number) => ring.map((second) => (second ? value(second) : 0));
    const latency = (share: number) => ring.map((second) => (second ? percentile(second, share) : null));
    const width = (2 * LOGITS) / SCORE_BINS;
    return {
      seconds,
      requests: of(({ requests }) => requests),
      errors: of(({ errors }) => errors),
      candidates: of(({ candidates }) => candidates),
      p50_ms: latency(0.5),
      p99_ms: latency(0.99),
      scores: {
        logits: Array.from({ length: SCORE_BINS }, (_, i) => -LOGITS + (i + 0.5) * width),
        counts: Array.from({ length: SCORE_BINS }, (_, i) =>
          ring.reduce((sum, second) => sum + (second?.scores[i] ?? 0), 0),
        ),
      },
    };
  }

  private second(): number {
    return Math.floor(this.clock.now() / 1000);
  }

  private current(): Second {
    const at = this.second();
    const second = this.ring[at % SECONDS];
    if (second.at === at) return second;
    second.at = at;
    second.requests = 0;
    second.errors = 0;
    second.candidates = 0;
    second.latencies.fill(0);
    second.scores.fill(0);
    return second;
  }
}

/** The upper end of the bin in which the share is reached. */
function percentile({ latencies, requests }: Second, share: number): number | null {
  let left = requests * share;
  for (let bin = 0; bin < LATENCY_BINS && requests > 0; bin++) {
    left -= latencies[bin];
    if (left <= 0) return Number((SHORTEST_MS * GROWTH ** bin).toPrecision(3));
  }
  return null;
}
