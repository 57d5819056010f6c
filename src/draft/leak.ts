import { isSet, isSetByPositives } from "../train/check/leak.js";
import { type Facts, textOf, type Value } from "./column.js";

/** Columns with more distinct values are not tested: each value has too few events. */
const MOST_VALUES = 20;
/** Minimum number of events of either label. */
const ENOUGH = 20;
const SURE = 0.999;

/** How a column tells the labels of a sample; undefined: it does not. */
export function leakOf(facts: Facts, positives: readonly boolean[]): string | undefined {
  if (tellsLabel(facts, positives)) return "determines the label";
  const isThere = facts.values.map(isThereIn);
  const set = isThere.filter(Boolean).length;
  const setPositives = isThere.filter((one, i) => one && positives[i]).length;
  const counts = { rows: positives.length, positives: positives.filter(Boolean).length, set, setPositives };
  return isSetByPositives(counts) ? "is set only in positive events" : undefined;
}

const isThereIn = (value: Value): boolean =>
  value !== undefined && (typeof value === "object" ? Object.keys(value).length > 0 : isSet(String(value)));

/**
 * True if a column determines the label in a sample, by its value or by its presence: it is known only after the click
 * (`conversion_time`), or it is the label in another form.
 */
function tellsLabel({ values, distinct, shape }: Facts, positives: readonly boolean[]): boolean {
  const all = positives.filter(Boolean).length;
  if (Math.min(all, positives.length - all) < ENOUGH) return false;
  const byPresence = predicts(
    values.map((value) => String(value === undefined || value === "")),
    positives,
  );
  return byPresence || (shape !== "list" && distinct <= MOST_VALUES && predicts(values.map(textOf), positives));
}

/** True if the best guess from the text is nearly always right, for positives and for negatives. */
function predicts(texts: readonly string[], positives: readonly boolean[]): boolean {
  const seen = new Map<string, { yes: number; no: number }>();
  texts.forEach((text, i) => {
    const counts = seen.get(text) ?? { yes: 0, no: 0 };
    counts[positives[i] ? "yes" : "no"]++;
    seen.set(text, counts);
  });
  const all = { yes: 0, no: 0 };
  const right = { yes: 0, no: 0 };
  for (const { yes, no } of seen.values()) {
    all.yes += yes;
    all.no += no;
    right[yes > no ? "yes" : "no"] += Math.max(yes, no);
  }
  return right.yes >= SURE * all.yes && right.no >= SURE * all.no;
}
