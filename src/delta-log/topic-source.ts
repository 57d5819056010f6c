import type { Delivery, DeltaSource, FollowFrom } from "./delta-log.js";
import { openFrames } from "./frame.js";
import { factsOf, TopicScan } from "./topic-scan.js";

/** Messages examined first, from the end, for the newest snapshot; four times as many until one is found. */
const WINDOW = 512n;

/** A message of the log's partition. */
export interface TopicMessage {
  readonly offset: bigint;
  readonly key: string;
  /** null: deletes the key's message; or marks the end of a batch, by its offset alone. */
  readonly value: Uint8Array | null;
}

/** Reads a partition from any offset on. */
export interface TopicReading {
  /** Continues from another offset. */
  seek(offset: bigint): void;
  /** The next message; null at the end. */
  next(): Promise<TopicMessage | null>;
  close(): Promise<void>;
}

/** What a topic's follower needs from the topic. */
export interface TopicDoor {
  /** The first available offset, and the one after the last. */
  watermarks(): Promise<{ readonly low: bigint; readonly high: bigint }>;
  /** Starts at offset `at`; ends when `signal` aborts. */
  open(at: bigint, signal: AbortSignal): Promise<TopicReading>;
}

/** Follows the delta log in a topic. Messages that are not entries are skipped, whatever their keys are. */
export class TopicSource implements DeltaSource {
  private readonly door: TopicDoor;

  constructor(door: TopicDoor) {
    this.door = door;
  }

  async *follow(from: FollowFrom, signal: AbortSignal): AsyncGenerator<Delivery> {
    const { low, high } = await this.door.watermarks();
    const reader = await this.door.open(high, signal);
    try {
      const found = await newestSnapshot(reader, from, { low, high }, signal);
      if (found !== null) reader.seek(found);
      yield* deliver(reader, from, found === null, high, signal);
    } finally {
      await reader.close();
    }
  }

  async close(): Promise<void> {}
}

/**
 * Offset of the newest complete snapshot that is accepted, searched in growing windows from the end; null if there is
 * none.
 */
async function newestSnapshot(
  reader: TopicReading,
  from: FollowFrom,
  { low, high }: { low: bigint; high: bigint },
  signal: AbortSignal,
): Promise<bigint | null> {
  for (let window = WINDOW; high > low && !signal.aborted; window *= 4n) {
    const first = high - window > low ? high - window : low;
    reader.seek(first);
    const scan = new TopicScan();
    for (let message = await reader.next(); message; message = await reader.next()) {
      scan.add(message);
      if (message.offset >= high - 1n) break;
    }
    const found = scan.newestSnapshot(from, first === low);
    if (found !== null || first === low) return found;
  }
  return null;
}

/**
 * Frames from the reader's position on; if there is no snapshot at that position, frames before the next one are
 * skipped.
 */
async function* deliver(
  reader: TopicReading,
  from: FollowFrom,
  waiting: boolean,
  high: bigint,
  signal: AbortSignal,
): AsyncGenerator<Delivery> {
  let passing = waiting;
  let told = false;
  while (!signal.aborted) {
    const message = await reader.next();
    if (message === null) return;
    if (passing) passing = !begins(message, from);
    if (!passing) yield* deliveries(message);
    if (told || passing || message.offset < high - 1n) continue;
    told = true;
    yield { type: "caught-up" };
  }
}

/** Whether an accepted snapshot begins here. */
function begins({ value }: TopicMessage, from: FollowFrom): boolean {
  const facts = value && factsOf(value);
  if (facts?.kind !== "snapshot" || facts.part !== 0) return false;
  return (from.run === null || facts.run === from.run) && from.accepts(facts);
}

function* deliveries({ offset, value }: TopicMessage): Generator<Delivery> {
  if (value === null) return;
  if (value.length === 0) yield { type: "damaged", reason: `offset ${offset}: empty message` };
  try {
    for (const frame of openFrames(value)) yield { type: "frame", frame };
  } catch (error) {
    yield { type: "damaged", reason: `offset ${offset}: ${error instanceof Error ? error.message : error}` };
  }
}
