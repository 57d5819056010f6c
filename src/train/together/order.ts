import { HashbrookError } from "../../core/errors.js";
import type { StreamPosition } from "../job.js";
import type { TopicPosition } from "../ordering/merge.js";
import { readOrder } from "../ordering/order-log.js";
import { firstOf } from "../position.js";
import type { StreamStart } from "../workers/thread-messages.js";
import type { Entrant } from "./streams.js";

type Replay = StreamStart["replay"];

/** How models go on in one topic together. */
export interface TopicStarts {
  readonly starts: readonly StreamStart[];
  /** By entrant: what its own log of the order lacks. */
  readonly missing: readonly Replay[];
}

/**
 * Every model has a log of the order of its own, so that it can go on alone. After a kill they end at different places. The model that has
 * come furthest was saved behind everything that its log says up to there: all others follow that log, and what they had noted behind it
 * is void, as nothing that was saved rests on it.
 * @throws checkpoint_mismatch where a model is new, and others have learned of the topic before
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

/** Where the topic began for those that were saved right there: a kill came before this one was. */
function beginning(known: readonly TopicPosition[], name: string): TopicPosition {
  const [place] = known;
  if (known.every((position) => position.messages === 0)) return place;
  const most = Math.max(...known.map((position) => position.messages));
  throw new HashbrookError(
    "checkpoint_mismatch",
    `${name}: has no checkpoint, and others have learned ${most} messages of topic ${place.topic}`,
    { hint: "learn it alone with hashbrook replay, or begin with all of them in another --out directory" },
  );
}

/** What `own`, of places from `from` on, is to be followed by, so that it says what `all` says. */
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
