import type { TopicPosition } from "../ordering/merge.js";

/** A topic's position between two rounds of a run with lanes. Plain JSON, part of every checkpoint. */
export interface LanesPosition extends TopicPosition {
  /** By lane: turn, taken and messages of its own merge. */
  readonly lanes: readonly Pick<TopicPosition, "turn" | "taken" | "messages">[];
  /** Number of rounds before this position. */
  readonly round: number;
}

/** The start position of a new run. */
export function startOf(topic: string, offsets: readonly string[], lanes: number): LanesPosition {
  const fresh = Array.from({ length: lanes }, () => ({ turn: 0, taken: 0, messages: 0 }));
  return { topic, offsets, turn: 0, taken: 0, messages: 0, lanes: fresh, round: 0 };
}

/** The same position in a topic that now has this many partitions: those added are read from their beginning. */
export function widened(position: LanesPosition, partitions: number): LanesPosition {
  const { offsets } = position;
  const added = Math.max(0, partitions - offsets.length);
  return { ...position, offsets: [...offsets, ...Array<string>(added).fill("0")] };
}

/** The position of one lane, for its merge: only its partitions, numbered from 0. */
export function laneOf(position: LanesPosition, lane: number): TopicPosition {
  const { topic, offsets, last, lanes } = position;
  const mine = <T>(all: readonly T[]) => all.filter((_, p) => p % lanes.length === lane);
  return { topic, offsets: mine(offsets), ...lanes[lane], ...(last && { last: mine(last) }) };
}

/** The position after a round, from the positions of all lanes. */
export function joined(before: LanesPosition, lanes: readonly TopicPosition[]): LanesPosition {
  const at = <T>(of: (lane: TopicPosition) => readonly T[] | undefined, p: number) =>
    of(lanes[p % lanes.length])?.[Math.floor(p / lanes.length)];
  const offsets = before.offsets.map((_, p) => at((lane) => lane.offsets, p)!);
  const last = offsets.map((_, p) => at((lane) => lane.last, p) ?? null);
  return {
    topic: before.topic,
    offsets,
    turn: 0,
    taken: 0,
    messages: lanes.reduce((sum, { messages }) => sum + messages, 0),
    ...(last.some((print) => print !== null) && { last }),
    lanes: lanes.map(({ turn, taken, messages }) => ({ turn, taken, messages })),
    round: before.round + 1,
    ...(before.topic_id !== undefined && { topic_id: before.topic_id }),
  };
}
