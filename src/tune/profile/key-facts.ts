import type { KeyCounts } from "./key-counts.js";

/** What ids are like. */
export interface KeyFacts {
  /** Of ids: events, or items of bags. */
  readonly occurrences: number;
  /** Ids. */
  readonly distinct: number;
  /** Ids that came once. */
  readonly once: number;
  /** Share of occurrences that the fifth of ids which came most often has. */
  readonly head: number;
  /** Share of occurrences that ids have which came once or twice. */
  readonly tail: number;
  /** By tenth of the stream: ids that were new, as a share of all. */
  readonly new_ids: readonly number[];
  /** Of new ids among the second half's occurrences: 0 of a closed vocabulary. */
  readonly churn: number;
  /** Bits of an occurrence's id. */
  readonly entropy: number;
  /** Kept of so many ids one, where there were too many to keep: figures are estimates then. */
  readonly sampled: number;
}

const PARTS = 10;
const HEAD = 0.2;

/** The facts of counted ids of a stream of so many events, and how many ids came how often. */
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

/** Occurrences of the `most` ids that came most often. */
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
