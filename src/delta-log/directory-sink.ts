import { dirname, join } from "node:path";
import { HashbrookError } from "../core/errors.js";
import { type Files, nodeFiles, quietly, withFile, writeFile, writeFully } from "../core/files.js";
import { tryFolder } from "../core/temporary.js";
import { storeWriteError } from "../object-store/errors.js";
import type { DeltaSink, Entry, WriterFacts } from "./delta-log.js";
import { epochOf, fileName, type Listing, listLog, readFrames, UNFINISHED, writerName } from "./directory.js";
import { DirectorySource } from "./directory-source.js";
import { sealFrame } from "./frame.js";
import { takesOver } from "./taken-over.js";

/** Snapshots kept; deltas up to the oldest of them are removed. */
const KEPT = 2;

/** Writes the delta log into a directory: one file per entry, renamed into place when it is complete and durable. */
export class DirectorySink implements DeltaSink {
  private readonly directory: string;
  private readonly writer: WriterFacts;
  private readonly files: Files;
  private begun = false;
  /** There is no snapshot of the writer's model, but of another one. */
  private foreign = false;

  constructor(directory: string, writer: WriterFacts, files: Files = nodeFiles) {
    this.directory = directory;
    this.writer = writer;
    this.files = files;
  }

  /** @throws HashbrookError log_write if nothing can be written into the directory */
  static async open(directory: string, writer: WriterFacts): Promise<DirectorySink> {
    tryFolder(directory, storeWriteError);
    const sink = new DirectorySink(directory, writer);
    sink.foreign = takesOver(writer, directory, await new DirectorySource(directory).run());
    return sink;
  }

  async needsSnapshot(): Promise<boolean> {
    const { snapshots } = listLog(this.files, this.directory);
    return this.foreign || snapshots.every((file) => epochOf(this.files, this.directory, file) === null);
  }

  async append(entry: Entry): Promise<void> {
    const path = join(this.directory, fileName(entry.kind, entry.number));
    try {
      this.checkFence();
      if (!this.begun) this.takeOver(entry.number);
      this.begun = true;
      if (this.holds(path, entry)) return;
      this.write(path, entry);
      if (entry.kind === "snapshot") this.prune(entry.number);
      this.foreign &&= entry.kind !== "snapshot";
    } catch (error) {
      throw storeWriteError(path, error);
    }
  }

  async close(): Promise<void> {}

  private checkFence(): void {
    const later = listLog(this.files, this.directory).writers.at(-1);
    if (!later || later.epoch <= this.writer.epoch) return;
    throw new HashbrookError(
      "log_fenced",
      `${this.directory}: writer ${later.epoch} has taken over from ${this.writer.epoch}`,
      {
        hint: "another trainer was started for the same run: let only that one continue",
      },
    );
  }

  /**
   * Removes what an earlier writer wrote from `number` on, since this one continues differently from there. Its mark
   * tells followers to read from there again.
   */
  private takeOver(number: number): void {
    const { files, directory } = this;
    files.mkdir(directory);
    const { deltas, snapshots, writers, unfinished } = listLog(files, directory);
    const stale = [...deltas, ...snapshots].filter((file) => file.number >= number && this.isEarlier(file));
    for (const { name } of stale.reverse()) files.remove(join(directory, name));
    writeFile(files, join(directory, writerName(this.writer.epoch, number)), new Uint8Array());
    files.syncDirectory(directory);
    // Of earlier writers, which can no longer write entries.
    for (const name of unfinished) files.remove(join(directory, name));
    for (const { name } of writers)
      if (name !== writerName(this.writer.epoch, number)) files.remove(join(directory, name));
  }

  private isEarlier(file: Listing["deltas"][number]): boolean {
    const epoch = epochOf(this.files, this.directory, file);
    return epoch === null || epoch < this.writer.epoch;
  }

  /** True if this writer's file with the same bodies exists. */
  private holds(path: string, entry: Entry): boolean {
    if (!this.files.stat(path)) return false;
    try {
      const found = readFrames(this.files, path);
      for (const body of entry.bodies()) {
        const { value: frame } = found.next();
        if (frame?.epoch !== this.writer.epoch || Buffer.compare(frame.body, body) !== 0) return false;
      }
      return found.next().done === true;
    } catch {
      return false;
    }
  }

  private write(path: string, entry: Entry): void {
    const { files } = this;
    const { epoch, now } = this.writer;
    const temporary = path + UNFINISHED;
    try {
      withFile(files, temporary, "w", (file) => {
        let at = 0;
        for (const body of entry.bodies()) at = writeFully(files, file, sealFrame({ epoch, sent: now(), body }), at);
        files.fsync(file);
      });
      files.rename(temporary, path);
      files.syncDirectory(dirname(path));
    } catch (error) {
      quietly(() => files.remove(temporary));
      throw error;
    }
  }

  /**
   * Removes files from which no follower will begin. Files with a higher number than the newest snapshot's do not
   * belong to this log.
   */
  private prune(newest: number): void {
    const { deltas, snapshots } = listLog(this.files, this.directory);
    const ours = snapshots.filter(({ number }) => number <= newest);
    const oldest = ours.at(-KEPT);
    if (!oldest) return;
    const gone = [...deltas.filter(({ number }) => number <= oldest.number), ...ours.slice(0, -KEPT)];
    for (const { name } of gone) this.files.remove(join(this.directory, name));
  }
}
