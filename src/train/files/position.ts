import type { StreamPosition } from "../job.js";
import type { StreamStart } from "../workers/thread-messages.js";

/** Whether a position comes before another one of the same stream. */
export function isBefore(one: StreamPosition, other: StreamPosition): boolean {
  if ("messages" in one || "messages" in other) return messagesOf(one) < messagesOf(other);
  if (one.epoch !== other.epoch) return one.epoch < other.epoch;
  return one.file === other.file ? one.offset < other.offset : one.file < other.file;
}

/** Where to begin reading for models that continue in one stream: at the earliest of their positions. */
export function firstOf(starts: readonly StreamStart[]): StreamStart {
  return starts.reduce((first, other) => {
    if (first.position === null || other.position === null) return first.position === null ? first : other;
    return isBefore(other.position, first.position) ? other : first;
  });
}

/** Messages before a position; 0 for files. */
export function messagesOf(position: StreamPosition): number {
  return "messages" in position ? position.messages : 0;
}

/**
 * Events of the stream before a position, the same for every model that is there, whichever events it could read: a
 * topic's messages, and in files the lines that it learned or rejected.
 */
export function placeIn(
  position: StreamPosition | null,
  { examples, rejected }: { readonly examples: number; readonly rejected: number },
): number {
  return position && "messages" in position ? position.messages : examples + rejected;
}
