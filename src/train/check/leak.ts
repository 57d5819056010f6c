/** Texts that say that something did not happen, or is not there. */
const UNSET = /^\s*([+-]?0+(\.0*)?|false|f|no|n|none|null|na|nan|\\n)?\s*$/i;
/** Minimum share of the positives that a field must be set in. */
const LEAST_SHARE = 0.05;
/** Share of the events with a set field that must be positive. */
const SURE = 0.999;
/** Minimum number of events of either kind: with the field set, and negative ones. */
const ENOUGH = 20;
/** Natural logarithm of the largest probability of an observation that is taken for chance: one in a million. */
const CHANCE = Math.log(1e-6);

/** How often a field is set, and with which labels. */
export interface SetCounts {
  /** Events. */
  readonly rows: number;
  /** Positive ones among them. */
  readonly positives: number;
  /** Events in which the field is set. */
  readonly set: number;
  /** Positive ones among those. */
  readonly setPositives: number;
}

/** True unless a value is missing, zero, or a word such as `false`. */
export const isSet = (text: string): boolean => !UNSET.test(text);

/**
 * True if a field is set only in positive events, more often than by chance: something that happens after the click (a purchase's id, the
 * time spent on the page), which a request to score does not have yet.
 */
export function isSetByPositives({ rows, positives, set, setPositives }: SetCounts): boolean {
  if (set < ENOUGH || rows - positives < ENOUGH) return false;
  const isSure = setPositives >= SURE * set && set >= LEAST_SHARE * positives;
  return isSure && set * Math.log(positives / rows) <= CHANCE;
}
