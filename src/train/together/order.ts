import { HashbrookError } from "../../core/errors.js";
import { firstOf } from "../files/position.js";
import type { StreamPosition } from "../job.js";
import type { TopicPosition } from "../ordering/merge.js";
import { readOrder } from "../ordering/order-log.js";
import type { StreamStart } from "../workers/thread-messages.js";
import type { Entrant } from "./streams.js";

type Replay = StreamStart["replay"];

/** How models continue together in one topic. */
export interface TopicStarts {
  readonly starts: readonly StreamStart[];
  /** For each entrant: what its own log of the order lacks. */
  readonly missing: readonly Replay[];
}

/**
 * Every model has its own log of the order, so that it can continue alone. After a kill the logs end at different
 * positions. The model that is furthest ahead was saved after everything in its log up to that point: all others follow
 * that log, and later entries of their own logs become void, since nothing saved depends on them.
 * @throws checkpoint_mismatch if a model is new, and others have learned from the topic before
 */
export function followOne(entrants: readonly Entrant[]): TopicStarts {
  const known = entrants.flatMap(({ start }) => (start.position ? [start.position as TopicPosition] : []));
  if (known.length === 0) return { starts: entrants.map(({ start }) => start), missing: entrants.map(() => []) };
  const starts = entrants.map(({ name, start }) => ({ ...start, position: start.position ?? beginning(known, name) }));
  const first = messages(firstOf(starts).position);
  const furthest = starts.reduce(
    (one, start, i) => (messages(start.position) > messages(starts[one].position) ? i : one),
    0,
  );
  const wanted = ({ kind, at }: { kind: string; at: number }) => kind !== "publish" && kind !== "resume" && at >= first;
  const replay = readOrder(entrants[furthest].job.out!, wanted) as Replay;
  return {
    starts: starts.map((start) => ({ ...start, replay })),
    missing: starts.map(({ position, replay: own }) => missingOf(own, replay, messages(position))),
  };
}

/** The start of the topic, from models saved right there: a kill may have prevented this one from being saved. */
function beginning(known: readonly TopicPosition[], name: string): TopicPosition {
  const [place] = known;
  if (known.every((position) => position.messages === 0)) return place;
  const most = Math.max(...known.map((position) => position.messages));
  throw new HashbrookError(
    "checkpoint_mismatch",
    `${name}: has no checkpoint, but other models have learned ${most} messages of topic ${place.topic}`,
    { hint: "train it alone with hashbrook replay, or start all models in another --out directory" },
  );
}

/** What to append to `own`, from position `from` on, so that it equals `all`. */
function missingOf(own: Replay, all: Replay, from: number): Replay {
  const wanted = all.filter(({ at }) => at >= from);
  const differs = own.findIndex((decision, i) => !same(decision, wanted[i]));
  if (differs < 0) return wanted.slice(own.length);
  const at = Math.max(0, own[differs].at - 1);
  return [{ kind: "anew", at }, ...wanted.filter((decision) => decision.at > at)];
}

const same = (one: Replay[number], other: Replay[number] | undefined): boolean =>
  JSON.stringify(one) === JSON.stringify(other);

function messages(position: StreamPosition | null): number {
  return position && "messages" in position ? position.messages : 0;
}
