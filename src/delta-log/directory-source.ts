import { join } from "node:path";
import { type Files, nodeFiles } from "../core/files.js";
import type { Delivery, DeltaSource, FollowFrom } from "./delta-log.js";
import { type Listing, type LogFile, listLog, readFrames, wholeSnapshot } from "./directory.js";
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
    let writer: string | undefined;
    /** The snapshot begun with, or the entry from which a later writer continues; null before there is one. */
    let start: number | null = null;
    let taken = new Set<string>();
    for (let told = false; !signal.aborted; await pause(this.pollMs, signal)) {
      const listing = listLog(this.files, this.directory);
      const mark = listing.writers.at(-1);
      if (mark && mark.name !== writer) {
        if (start !== null) start = Math.min(start, mark.number - 1);
        taken = new Set([...taken].filter((name) => numberOf(name) < mark.number));
      }
      writer = mark?.name;
      if (start === null && from.after && goesOn(listing, from.after)) start = from.after.number;
      if (start === null) {
        const snapshot = yield* this.newest(listing, from, taken);
        if (snapshot) {
          yield* this.read(snapshot);
          start = snapshot.number;
        }
      }
      if (start === null) continue;
      if (this.makesUp(listing, from, taken)) return;
      const names = new Set([...listing.deltas, ...listing.snapshots].map(({ name }) => name));
      taken = new Set([...taken].filter((name) => names.has(name)));
      for (const file of listing.deltas) {
        // By name and not by number: a foreign file must not hide those with lower numbers.
        if (file.number <= start || taken.has(file.name)) continue;
        taken.add(file.name);
        yield* this.read(file);
      }
      if (!told) yield { type: "caught-up" };
      told = true;
    }
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
    taken: Set<string>,
  ): Generator<Delivery, LogFile | undefined> {
    const run = from.run ?? this.runOf(deltas);
    for (const file of [...snapshots].reverse()) {
      if (taken.has(file.name)) continue;
      const epoch = wholeSnapshot(this.files, this.directory, file, run);
      if (epoch !== null && from.accepts({ number: file.number, epoch })) return file;
      taken.add(file.name);
      if (epoch === null) yield { type: "damaged", reason: `${file.name}: not a complete snapshot of this log` };
    }
    return undefined;
  }

  /** Whether there is a complete snapshot to start over with, since an entry is missing. */
  private makesUp({ snapshots }: Listing, { missing, run }: FollowFrom, taken: Set<string>): boolean {
    if (missing === null) return false;
    const later = snapshots.filter(({ name, number }) => number >= missing && !taken.has(name));
    for (const { name } of later) taken.add(name);
    return later.some((file) => wholeSnapshot(this.files, this.directory, file, run) !== null);
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

  private *read({ name }: LogFile): Generator<Delivery> {
    try {
      let frames = 0;
      for (const frame of readFrames(this.files, join(this.directory, name))) {
        frames++;
        yield { type: "frame", frame };
      }
      if (frames === 0) yield { type: "damaged", reason: `${name}: empty file` };
    } catch (error) {
      yield { type: "damaged", reason: `${name}: ${error instanceof Error ? error.message : error}` };
    }
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
