import type { StreamPosition } from "./job.js";
import type { StreamStart } from "./workers/thread-messages.js";

/** Whether a place of a stream comes before another one of the same stream. */
export function isBefore(one: StreamPosition, other: StreamPosition): boolean {
  if ("messages" in one || "messages" in other) return messagesOf(one) < messagesOf(other);
  if (one.epoch !== other.epoch) return one.epoch < other.epoch;
  return one.file === other.file ? one.offset < other.offset : one.file < other.file;
}

/** Where models that go on in one stream have to begin reading: at the first place that any of them wants. */
export function firstOf(starts: readonly StreamStart[]): StreamStart {
  return starts.reduce((first, other) => {
    if (first.position === null || other.position === null) return first.position === null ? first : other;
    return isBefore(other.position, first.position) ? other : first;
  });
}

/** Messages before a place; of files 0. */
export function messagesOf(position: StreamPosition): number {
  return "messages" in position ? position.messages : 0;
}
