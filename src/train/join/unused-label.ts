import { keptRows } from "../../decode/kept-rows.js";
import { type JoinSpec, tiesOf } from "../../spec/compiled.js";

/** A click that labels nothing. */
export interface UnusedLabel {
  /**
   * late: its stream had reached a click newer by more than the lateness. repeated: an earlier click still in the index
   * named this id (with a key: and had the same time), whether or not it counted. orphan: no impression had it in its
   * window, and no future one can be old enough.
   */
  readonly reason: "late" | "repeated" | "orphan";
  /** As received: the id, or the key's values. */
  readonly id?: string;
  readonly key?: readonly string[];
  readonly time: string;
  /** Its stream: a topic's partition; 0 for files. */
  readonly partition: number;
  /** Absent: a click. */
  readonly of?: "conversions";
}

/** The values of a click that a decoder keeps for this. */
export const keptOfClick = ({ clicks }: JoinSpec): readonly string[] => [...tiesOf(clicks), clicks.time.from];

/**
 * These values for each click in what a decoder kept; undefined if it kept nothing.
 * @param values number of them per click
 */
export function textsOf(kept: Uint8Array | undefined, values: number): readonly (readonly string[])[] | undefined {
  if (!kept || kept.length === 0) return undefined;
  const rows = [...keptRows(kept, values)].filter(({ rejected }) => rejected === null);
  return rows.map(({ values }) => values.map(({ text }) => text));
}

/** An unused click, from its kept texts. */
export function unusedOf(
  { clicks }: JoinSpec,
  reason: UnusedLabel["reason"],
  texts: readonly string[],
  partition: number,
): UnusedLabel {
  const tie = clicks.key ? { key: texts.slice(0, -1) } : { id: texts[0] };
  return { reason, ...tie, time: texts[texts.length - 1], partition };
}
