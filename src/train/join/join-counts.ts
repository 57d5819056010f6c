import type { ClickReaderState } from "./click-reader.js";
import type { LateLabelsState } from "./late-labels.js";

/** Counts of joined impressions and clicks. */
export interface JoinCounts {
  /** Clicks that were in time for their stream. */
  readonly clicks: number;
  /** Impressions with a click. */
  readonly joined: number;
  /** Clicks whose id had one already. */
  readonly duplicates: number;
  /** Clicks that came after one newer by more than the lateness: they are ignored. */
  readonly late: number;
  /** With `join.correct`: impressions that were learned as negatives, and later as positives. */
  readonly corrected?: number;
  /** With `join.correct`: impressions learned whose label is not final yet. */
  readonly awaited?: number;
  /**
   * With `join.conversions`: the same counts for these; `joined` then counts impressions with a click and a conversion
   * after it.
   */
  readonly conversions?: { readonly count: number; readonly duplicates: number; readonly late: number };
}

/**
 * The state of a join between two batches: a pure function of the impressions and clicks before it. Plain JSON, part of
 * every checkpoint.
 */
export interface JoinState extends ClickReaderState, Omit<JoinCounts, "conversions"> {
  /** With `join.correct`. */
  readonly late_labels?: LateLabelsState;
}

/** The counts in a join's state. */
export function joinCounts({ clicks, joined, duplicates, late, ...state }: JoinState): JoinCounts {
  const { corrected, awaited = 0, conversions } = state;
  return {
    clicks,
    joined,
    duplicates,
    late,
    ...(corrected !== undefined && { corrected, awaited }),
    ...(conversions && {
      conversions: { count: conversions.clicks, duplicates: conversions.duplicates, late: conversions.late },
    }),
  };
}
