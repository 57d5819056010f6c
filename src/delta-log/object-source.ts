import { HashbrookError } from "../core/errors.js";
import type { ObjectReader } from "../object-store/object-store.js";
import type { Delivery, DeltaSource, Entry, FollowFrom } from "./delta-log.js";
import { readFacts } from "./entry.js";
import { type Frame, openFrames } from "./frame.js";
import type { KeptPlace } from "./live.js";
import { HEAD_KEY, newestOf, type ObjectHead, objectKey, oldestOf, parseHead, spanOf } from "./object-head.js";
import { pause } from "./pause.js";

const POLL_MS = 500;
const LONGEST_POLL_MS = 5000;
/** Number of times the head is read before a listed but unavailable entry is given up: caches may lag behind. */
const PATIENCE = 20;

/** A follower's position. */
interface Place {
  head: ObjectHead;
  /** The next delta; null: a snapshot is next. */
  next: number | null;
  /** Reads of the head since the last entry came. */
  looks: number;
  /** Snapshots that existed when it began: the newest suitable one was used. */
  readonly known: ReadonlySet<string>;
}

type EntryName = Pick<Entry, "kind" | "number"> & { readonly epoch: number };

/** Follows a delta log of objects, directly or through any HTTP cache. */
export class ObjectSource implements DeltaSource {
  private readonly store: ObjectReader;
  private readonly pollMs: number;
  /** Snapshots that turned out damaged. */
  private readonly bad = new Set<string>();

  constructor(store: ObjectReader, { pollMs = POLL_MS } = {}) {
    this.store = store;
    this.pollMs = pollMs;
  }

  async *follow(from: FollowFrom, signal: AbortSignal): AsyncGenerator<Delivery> {
    let place: Place | null = null;
    let tag: string | undefined;
    let wait = this.pollMs;
    for (let told = false; !signal.aborted; await pause(wait, signal)) {
      try {
        const found = await this.store.read(HEAD_KEY, { known: tag, signal });
        if (found !== null && found !== "known") {
          tag = found.tag;
          place = placeIn(parseHead(found.bytes), place, from.after);
        }
        wait = this.pollMs;
        if (!place) continue;
        if (!(yield* this.news(place, from, signal))) return;
        if (!told && place.next !== null && place.next > newestOf(place.head)) {
          yield { type: "caught-up" };
          told = true;
        }
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof HashbrookError)) throw error;
        yield { type: "waiting", reason: error.message };
        wait = Math.min(wait * 2, LONGEST_POLL_MS);
      }
    }
  }

  async run(): Promise<string | null> {
    const found = await this.store.read(HEAD_KEY, {});
    return found === null || found === "known" ? null : parseHead(found.bytes).run;
  }

  async close(): Promise<void> {}

  /** Delivers what is new. @returns false if the log must be read again from a snapshot */
  private async *news(place: Place, from: FollowFrom, signal: AbortSignal): AsyncGenerator<Delivery, boolean> {
    const { head } = place;
    if (place.next !== null && this.makesUp(place, from)) return false;
    if (place.next === null) {
      const snapshot = this.chosen(head, from);
      if (!snapshot) return true;
      const state = yield* this.entry({ kind: "snapshot", ...snapshot }, signal);
      if (state === "absent" && ++place.looks < PATIENCE) return true;
      if (state !== "whole") {
        this.bad.add(nameOf(snapshot));
        if (state === "absent") yield { type: "damaged", reason: `snapshot ${snapshot.number} is missing` };
        return false;
      }
      Object.assign(place, { next: snapshot.number + 1, looks: 0 });
    }
    yield* this.deltas(place, signal);
    return true;
  }

  private async *deltas(place: Place, signal: AbortSignal): AsyncGenerator<Delivery> {
    const { head } = place;
    for (let number = place.next!; number <= newestOf(head); place.next = ++number) {
      // What is between two spans was never published, and deltas up to the oldest snapshot are gone.
      number = Math.max(number, spanOf(head, number)!.from, oldestOf(head) + 1);
      const span = spanOf(head, number);
      if (!span) return;
      const state = yield* this.entry({ kind: "delta", epoch: span.epoch, number }, signal);
      if (state === "absent" && ++place.looks < PATIENCE) return;
      if (state === "absent") yield { type: "damaged", reason: `delta ${number} is missing` };
      place.looks = 0;
    }
  }

  /** The newest snapshot that may be used. */
  private chosen({ run, snapshots }: ObjectHead, from: FollowFrom) {
    if (from.run !== null && from.run !== run) return undefined;
    return snapshots.findLast((one) => !this.bad.has(nameOf(one)) && from.accepts(one));
  }

  /** Whether there is a new snapshot to start from, since an entry is missing. */
  private makesUp({ head, known }: Place, { missing }: FollowFrom): boolean {
    return missing !== null && head.snapshots.some((one) => one.number >= missing && !known.has(nameOf(one)));
  }

  /** Delivers an entry's frames, whatever they contain. */
  private async *entry(name: EntryName, signal: AbortSignal): AsyncGenerator<Delivery, "whole" | "damaged" | "absent"> {
    const count = { parts: 0, of: 1 };
    for (let index = 0; count.parts < count.of; index++) {
      const key = objectKey(name.epoch, name, index);
      const found = await this.store.read(key, { signal });
      if (found === null && index === 0) return "absent";
      const frames = found && found !== "known" ? framesOf(found.bytes) : [];
      yield* frames.map((frame) => ({ type: "frame" as const, frame }));
      if (frames.length > 0 && frames.every((frame) => isNext(frame, name, count))) continue;
      yield { type: "damaged", reason: `${key}: not the expected object of this log` };
      return "damaged";
    }
    return "whole";
  }
}

const nameOf = ({ epoch, number }: { epoch: number; number: number }): string => `${epoch}/${number}`;

/** The position after the head has changed: entries of a writer that took over are read from its first one on. */
function placeIn(head: ObjectHead, before: Place | null, after: KeptPlace | undefined): Place {
  if (!before) {
    const next = after && goesOn(head, after) ? after.number + 1 : null;
    return { head, next, looks: 0, known: new Set(head.snapshots.map(nameOf)) };
  }
  const former = before.head.spans.at(-1)?.epoch ?? 0;
  const later = head.spans.filter(({ epoch }) => epoch > former).map(({ from }) => Math.max(from, 1));
  const next = before.next === null ? null : Math.min(before.next, ...later);
  return { ...before, head, next };
}

/** Whether the entries after a given one are available, if there are any. */
function goesOn(head: ObjectHead, { run, number, epoch }: KeptPlace): boolean {
  if (head.run !== run || number < oldestOf(head) || number > newestOf(head)) return false;
  return head.spans.every((span) => span.epoch <= epoch || span.from > number);
}

function framesOf(bytes: Uint8Array): Frame[] {
  try {
    return [...openFrames(bytes)];
  } catch {
    return [];
  }
}

/** Counts a part if it is intact and the entry's next one. */
function isNext({ body }: Frame, { kind, number }: EntryName, count: { parts: number; of: number }): boolean {
  try {
    const facts = readFacts(body);
    if (facts.kind !== kind || facts.number !== number || facts.part !== count.parts) return false;
    count.of = facts.parts;
    count.parts++;
    return true;
  } catch {
    return false;
  }
}
