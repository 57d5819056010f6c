import type { KeyCounts } from "./key-counts.js";

/** Statistics of ids. */
export interface KeyFacts {
  /** Occurrences of ids: events, or items of bags. */
  readonly occurrences: number;
  /** Distinct ids. */
  readonly distinct: number;
  /** Ids that occurred once. */
  readonly once: number;
  /** Share of occurrences with the most frequent fifth of ids. */
  readonly head: number;
  /** Share of occurrences with ids that occurred once or twice. */
  readonly tail: number;
  /** By tenth of the stream: new ids, as a share of all. */
  readonly new_ids: readonly number[];
  /** Share of new ids among the second half's occurrences: 0 for a closed vocabulary. */
  readonly churn: number;
  /** Entropy of an occurrence's id, in bits. */
  readonly entropy: number;
  /** One in this many ids was kept, if there were too many: figures are then estimates. */
  readonly sampled: number;
}

const PARTS = 10;
const HEAD = 0.2;

/** The statistics of counted ids of a stream with so many events, and how many ids occurred how often. */
export function keyFacts(
  counts: KeyCounts,
  events: number,
): KeyFacts & { by_occurrences: readonly (readonly [number, number])[] } {
  const { scale, distinct } = counts;
  const ids = new Map<number, number>();
  const newIds = new Array<number>(PARTS).fill(0);
  for (const { occurrences, first } of counts.counts()) {
    ids.set(occurrences, (ids.get(occurrences) ?? 0) + scale);
    newIds[Math.min(PARTS - 1, Math.floor((first * PARTS) / events))] += scale;
  }
  const byOccurrences = [...ids].sort(([a], [b]) => b - a);
  const sum = (of: (n: number, ids: number) => number) => byOccurrences.reduce((all, [n, k]) => all + of(n, k), 0);
  const occurrences = sum((n, k) => n * k);
  const late = newIds.slice(PARTS / 2).reduce((all, n) => all + n, 0);
  const share = (part: number, whole: number) => (whole > 0 ? part / whole : 0);
  return {
    occurrences,
    distinct,
    once: ids.get(1) ?? 0,
    head: share(headOccurrences(byOccurrences, distinct * HEAD), occurrences),
    tail: share(
      sum((n, k) => (n <= 2 ? n * k : 0)),
      occurrences,
    ),
    new_ids: newIds.map((n) => share(n, distinct)),
    churn: share(late, occurrences / 2),
    entropy: sum((n, k) => -k * (n / occurrences) * Math.log2(n / occurrences)),
    sampled: scale,
    by_occurrences: byOccurrences,
  };
}

/** Occurrences of the `most` most frequent ids. */
function headOccurrences(byOccurrences: readonly (readonly [number, number])[], most: number): number {
  let left = most;
  let sum = 0;
  for (const [n, ids] of byOccurrences) {
    const taken = Math.min(left, ids);
    sum += taken * n;
    left -= taken;
  }
  return sum;
}
