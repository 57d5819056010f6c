import { join } from "node:path";
import { type Files, nodeFiles } from "../core/files.js";
import type { Delivery, DeltaSource, FollowFrom } from "./delta-log.js";
import { type Listing, type LogFile, listLog, readFrames, type WriterMark, wholeSnapshot } from "./directory.js";
import { readFacts } from "./entry.js";
import type { KeptPlace } from "./live.js";
import { pause } from "./pause.js";

/** How often a follower looks for new files. */
const POLL_MS = 50;

/** Follows the delta log in a directory that a `DirectorySink` writes, here or on another machine. */
export class DirectorySource implements DeltaSource {
  private readonly directory: string;
  private readonly files: Files;
  private readonly pollMs: number;

  constructor(directory: string, { files = nodeFiles, pollMs = POLL_MS } = {}) {
    this.directory = directory;
    this.files = files;
    this.pollMs = pollMs;
  }

  async *follow(from: FollowFrom, signal: AbortSignal): AsyncGenerator<Delivery> {
    const place = new Place();
    for (let told = false; !signal.aborted; await pause(this.pollMs, signal)) {
      const listing = listLog(this.files, this.directory);
      place.enter(listing.writers.at(-1));
      place.retry((name) => this.bytesOf(name));
      if (place.start === null) yield* this.begin(place, listing, from);
      if (place.start === null) continue;
      if (this.makesUp(listing, from, place)) return;
      place.forget(listing);
      for (const file of listing.deltas) if (place.take(file)) yield* this.read(file, place);
      if (!told) yield { type: "caught-up" };
      told = true;
    }
  }

  /** Goes on after the entry that the follower has, or else reads a snapshot, if there is one. */
  private *begin(place: Place, listing: Listing, from: FollowFrom): Generator<Delivery> {
    if (from.after && goesOn(listing, from.after)) {
      place.start = from.after.number;
      return;
    }
    const snapshot = yield* this.newest(listing, from, place);
    if (!snapshot) return;
    yield* this.read(snapshot, place);
    place.start = snapshot.number;
  }

  async run(): Promise<string | null> {
    const { deltas, snapshots } = listLog(this.files, this.directory);
    return this.runOf(deltas) ?? this.runOf(snapshots);
  }

  async close(): Promise<void> {}

  /** The newest complete snapshot; the others are examined, and counted as damage, once. */
  private *newest(
    { snapshots, deltas }: Listing,
    from: FollowFrom,
    place: Place,
  ): Generator<Delivery, LogFile | undefined> {
    const run = from.run ?? this.runOf(deltas);
    for (const file of [...snapshots].reverse()) {
      if (place.taken.has(file.name)) continue;
      const epoch = this.writerOf(file, run, place);
      if (epoch !== null && from.accepts({ number: file.number, epoch })) return file;
      place.taken.add(file.name);
      if (epoch === null) yield { type: "damaged", reason: `${file.name}: not a complete snapshot of this log` };
    }
    return undefined;
  }

  /** Whether there is a complete snapshot to start over with, since an entry is missing. */
  private makesUp({ snapshots }: Listing, { missing, run }: FollowFrom, place: Place): boolean {
    if (missing === null) return false;
    const later = snapshots.filter(({ name, number }) => number >= missing && !place.taken.has(name));
    for (const { name } of later) place.taken.add(name);
    return later.some((file) => this.writerOf(file, run, place) !== null);
  }

  /** The writer of a snapshot; null: it is incomplete, or another model's. */
  private writerOf(file: LogFile, run: string | null, place: Place): number | null {
    const bytes = this.bytesOf(file.name);
    const epoch = wholeSnapshot(this.files, this.directory, file, run);
    if (epoch === null) place.unreadable(file.name, bytes);
    return epoch;
  }

  private bytesOf(name: string): number | undefined {
    return this.files.stat(join(this.directory, name))?.bytes;
  }

  /** The model whose deltas are here: a snapshot of another one was left by mistake. */
  private runOf(deltas: readonly LogFile[]): string | null {
    for (const { name } of [...deltas].reverse()) {
      try {
        const [{ body }] = readFrames(this.files, join(this.directory, name));
        return readFacts(body).run;
      } catch {
        // Not a file of the log: an earlier one decides.
      }
    }
    return null;
  }

  private *read({ name }: LogFile, place: Place): Generator<Delivery> {
    const bytes = this.bytesOf(name);
    try {
      let frames = 0;
      for (const frame of readFrames(this.files, join(this.directory, name))) {
        frames++;
        yield { type: "frame", frame };
      }
      if (frames > 0) return;
      place.unreadable(name, bytes);
      yield { type: "damaged", reason: `${name}: empty file` };
    } catch (error) {
      place.unreadable(name, bytes);
      yield { type: "damaged", reason: `${name}: ${error instanceof Error ? error.message : error}` };
    }
  }
}

/** How far a follower has read the log. */
class Place {
  /** The snapshot begun with, or the entry from which a later writer continues; null before there is one. */
  start: number | null = null;
  /** Names of files that were read, or cannot be. */
  taken = new Set<string>();
  /** Sizes of files that could not be read: when they were read, and at the last look. */
  private readonly growing = new Map<string, { readonly read: number | undefined; last: number | undefined }>();
  private writer: string | undefined;

  /** A later writer may write entries again that were read. */
  enter(mark: WriterMark | undefined): void {
    if (mark && mark.name !== this.writer) {
      if (this.start !== null) this.start = Math.min(this.start, mark.number - 1);
      this.taken = new Set([...this.taken].filter((name) => numberOf(name) < mark.number));
    }
    this.writer = mark?.name;
  }

  /** A file was damaged, or is still being copied. */
  unreadable(name: string, bytes: number | undefined): void {
    this.growing.set(name, { read: bytes, last: bytes });
  }

  /** Files that could not be read, have another size since, and keep it, are read again: they were being copied. */
  retry(bytesOf: (name: string) => number | undefined): void {
    for (const [name, size] of this.growing) {
      const bytes = bytesOf(name);
      if (bytes === undefined || (bytes === size.last && bytes !== size.read)) {
        this.growing.delete(name);
        this.taken.delete(name);
      }
      size.last = bytes;
    }
  }

  /** Removes the names of files that are gone. */
  forget({ deltas, snapshots }: Listing): void {
    const names = new Set([...deltas, ...snapshots].map(({ name }) => name));
    this.taken = new Set([...this.taken].filter((name) => names.has(name)));
  }

  /** Whether a delta is to be read now. By name and not by number: a foreign file must not hide those with lower numbers. */
  take({ name, number }: LogFile): boolean {
    if (number <= this.start! || this.taken.has(name)) return false;
    this.taken.add(name);
    return true;
  }
}

/** Whether the entries after a given one are here, if there are any. */
function goesOn({ deltas, snapshots, writers }: Listing, { number, epoch }: KeptPlace): boolean {
  const later = writers.some((writer) => writer.epoch > epoch && writer.number <= number);
  if (later) return false;
  if (deltas.some((delta) => delta.number === number + 1)) return true;
  return [...deltas, ...snapshots].every((entry) => entry.number <= number);
}

const numberOf = (name: string): number => Number(/\d+/.exec(name)![0]);
