import type { ClickReaderState } from "./click-reader.js";
import type { LateLabelsState } from "./late-labels.js";

/** What became of impressions and clicks. */
export interface JoinCounts {
  /** Clicks that were in time for their stream. */
  readonly clicks: number;
  /** Impressions with a click. */
  readonly joined: number;
  /** Clicks of an id that had one already. */
  readonly duplicates: number;
  /** Clicks that came behind ones newer than they by more than the lateness: they count for nothing. */
  readonly late: number;
  /** With `join.correct`: impressions that were learned as negatives, and as positives later. */
  readonly corrected?: number;
  /** With `join.correct`: impressions learned whose label is not final yet. */
  readonly awaited?: number;
  /** With `join.conversions`: the same of these; `joined` are then impressions with a click and a conversion after it. */
  readonly conversions?: { readonly count: number; readonly duplicates: number; readonly late: number };
}

/** A join between two batches: a pure function of the impressions and the clicks before it. Plain JSON, part of every checkpoint. */
export interface JoinState extends ClickReaderState, Omit<JoinCounts, "conversions"> {
  /** With `join.correct`. */
  readonly late_labels?: LateLabelsState;
}

/** What a join's state says of impressions and clicks. */
export function joinCounts({ clicks, joined, duplicates, late, ...state }: JoinState): JoinCounts {
  const { corrected, awaited = 0, conversions } = state;
  return {
    ...{ clicks, joined, duplicates, late },
    ...(corrected !== undefined && { corrected, awaited }),
    ...(conversions && {
      conversions: { count: conversions.clicks, duplicates: conversions.duplicates, late: conversions.late },
    }),
  };
}
