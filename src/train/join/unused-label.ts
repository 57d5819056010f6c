import { keptRows } from "../../decode/kept-rows.js";
import { type JoinSpec, tiesOf } from "../../spec/compiled.js";

/** A click that labels nothing. */
export interface UnusedLabel {
  /** late: its stream had told a click newer by more than the lateness. repeated: an earlier click that is not forgotten named this id (with a key: and was of the same time), whether or not it counted. orphan: no impression had it in its window, and none to come can be as old. */
  readonly reason: "late" | "repeated" | "orphan";
  /** As they were told: the id, or the values of the key. */
  readonly id?: string;
  readonly key?: readonly string[];
  readonly time: string;
  /** Of the stream: a topic's partition, 0 of files. */
  readonly partition: number;
  /** Absent: a click. */
  readonly of?: "conversions";
}

/** What a decoder keeps of a click for that. */
export const keptOfClick = ({ clicks }: JoinSpec): readonly string[] => [...tiesOf(clicks), clicks.time.from];

/** The same of each click in what a decoder kept; undefined where it kept nothing. @param values of a click */
export function textsOf(kept: Uint8Array | undefined, values: number): readonly (readonly string[])[] | undefined {
  if (!kept || kept.length === 0) return undefined;
  const rows = [...keptRows(kept, values)].filter(({ rejected }) => rejected === null);
  return rows.map(({ values }) => values.map(({ text }) => text));
}

/** A click by the texts that are kept of it. */
export function unusedOf(
  { clicks }: JoinSpec,
  reason: UnusedLabel["reason"],
  texts: readonly string[],
  partition: number,
): UnusedLabel {
  const tie = clicks.key ? { key: texts.slice(0, -1) } : { id: texts[0] };
  return { reason, ...tie, time: texts[texts.length - 1], partition };
}
