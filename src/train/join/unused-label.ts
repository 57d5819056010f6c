import { keptRows } from "../../decode/kept-rows.js";
import type { JoinSpec } from "../../spec/compiled.js";

/** A click that labels nothing. */
export interface UnusedLabel {
  /** late: its stream had told a click newer by more than the lateness. repeated: an earlier click that is not forgotten named this id, whether or not it counted. */
  readonly reason: "late" | "repeated";
  /** As they were told. */
  readonly id: string;
  readonly time: string;
  /** Of the stream: a topic's partition, 0 of files. */
  readonly partition: number;
  /** Absent: a click. */
  readonly of?: "conversions";
}

/** What a decoder keeps of a click for that. */
export const keptOfClick = ({ clicks }: JoinSpec): readonly string[] => [clicks.id, clicks.time.from];

/** The ids and times of the clicks in what a decoder kept; undefined where it kept nothing. */
export function textsOf(kept: Uint8Array | undefined): readonly (readonly string[])[] | undefined {
  if (!kept || kept.length === 0) return undefined;
  const rows = [...keptRows(kept, 2)].filter(({ rejected }) => rejected === null);
  return rows.map(({ values }) => values.map(({ text }) => text));
}
