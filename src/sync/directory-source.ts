import { join } from "node:path";
import { type Files, nodeFiles } from "../core/files.js";
import type { Delivery, DeltaSource, FollowFrom } from "./channel.js";
import { epochOf, type Listing, type LogFile, listLog, readFrames } from "./directory.js";
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
    let next: number | null = null;
    let told = false;
    while (!signal.aborted) {
      const listing = listLog(this.files, this.directory);
      const mark = listing.writers.at(-1);
      if (next !== null && mark && mark.name !== writer) next = Math.min(next, mark.number);
      writer = mark?.name;
      if (next === null) {
        const snapshot = this.newest(listing, from);
        if (snapshot) yield* this.read(snapshot);
        if (snapshot) next = snapshot.number + 1;
      }
      if (next !== null) {
        for (const file of listing.deltas) {
          if (file.number < next) continue;
          yield* this.read(file);
          next = file.number + 1;
        }
        if (!told) yield { type: "caught-up" };
        told = true;
      }
      await pause(this.pollMs, signal);
    }
  }

  async close(): Promise<void> {}

  private newest({ snapshots }: Listing, from: FollowFrom): LogFile | undefined {
    return snapshots.findLast((file) => {
      const epoch = epochOf(this.files, this.directory, file);
      return epoch !== null && from.accepts({ number: file.number, epoch });
    });
  }

  private *read({ name }: LogFile): Generator<Delivery> {
    try {
      for (const frame of readFrames(this.files, join(this.directory, name))) yield { type: "frame", frame };
    } catch (error) {
      yield { type: "damaged", reason: `${name}: ${error instanceof Error ? error.message : error}` };
    }
  }
}
