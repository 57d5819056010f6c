import { join } from "node:path";
import { isoText } from "../core/clock.js";
import { HashbrookError } from "../core/errors.js";
import { type Files, nodeFiles, quietly, readFully, withFile, writeError, writeFully } from "../core/files.js";
import type { Lines } from "./lines.js";
import type { LogSink } from "./sink.js";

/** A file is completed after this many bytes, or this long. */
const FILE_BYTES = 64 << 20;
const FILE_MS = 600_000;
/** A file that was begun this long ago and is not complete was abandoned. */
const LEFT_MS = 6 * FILE_MS;
/** Suffix of a file that is being written. */
export const PART = ".part";
const NAME = /^impressions-(\d{8}T\d{9}Z)-[0-9a-z]+-\d{6,}\.jsonl\.part$/;

export interface DirectorySinkOptions {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Distinguishes this process's files from others' that began at the same time: letters and digits. */
  readonly writer: string;
  readonly files?: Files;
  readonly fileBytes?: number;
}

/**
 * Writes a log into a directory, in files of about 64 MiB or ten minutes: `impressions-TIME-WRITER-NUMBER.jsonl`, whose names
 * sort by time. A file has the suffix `.part` until it is complete and durable; it is synced about every second. Several
 * servers may write into one directory.
 */
export class DirectorySink implements LogSink {
  private readonly directory: string;
  private readonly options: DirectorySinkOptions;
  private readonly files: Files;
  private readonly fileBytes: number;
  private number = 0;
  private open: {
    readonly file: number;
    readonly path: string;
    readonly since: number;
    size: number;
    lines: number;
  } | null = null;
  /** There is something to sync. */
  private dirty = false;
  /** Finished files that could not be renamed yet, by path. */
  private readonly ended = new Map<string, { readonly size: number; readonly lines: number }>();
  /** Lines of files that somebody removed, since this was asked last. */
  private removed = 0;

  /** @throws HashbrookError log_write if nothing can be written there */
  constructor(directory: string, options: DirectorySinkOptions) {
    this.directory = directory;
    this.options = options;
    this.files = options.files ?? nodeFiles;
    this.fileBytes = options.fileBytes ?? FILE_BYTES;
    this.open = this.trying(directory, () => this.begin());
    this.finish();
    this.adopt();
  }

  async write(lines: Lines): Promise<number> {
    const bytes = lines.whole;
    this.trying(this.open?.path ?? this.directory, () => {
      this.open ??= this.begin();
      // Overwrites what a failed write has left behind.
      writeFully(this.files, this.open.file, bytes, this.open.size);
    });
    const open = this.open!;
    open.size += bytes.length;
    open.lines += lines.count;
    this.dirty = true;
    // The lines are in it even if renaming fails: `tick` retries that, and reports it.
    if (open.size >= this.fileBytes) quietly(() => this.finish());
    return 0;
  }

  tick(): void {
    const { open, dirty } = this;
    // What is written to a file without a name is lost.
    if (open && (this.options.now() - open.since >= FILE_MS || !this.files.stat(open.path + PART))) {
      this.finish();
      return;
    }
    this.dirty = false;
    if (open && dirty) this.trying(open.path, () => this.files.fsync(open.file));
    this.name();
  }

  lost(): number {
    const { removed } = this;
    this.removed = 0;
    return removed;
  }

  async close(): Promise<void> {
    this.finish();
  }

  private begin(): NonNullable<DirectorySink["open"]> {
    const number = String(this.number++).padStart(6, "0");
    const since = this.options.now();
    const path = join(this.directory, `impressions-${nameTime(since)}-${this.options.writer}-${number}.jsonl`);
    this.files.mkdir(this.directory);
    return { file: this.files.open(path + PART, "wx"), path, since, size: 0, lines: 0 };
  }

  /** Finishes the current file. */
  private finish(): void {
    const { open, files } = this;
    this.open = null;
    this.dirty = false;
    if (open) {
      quietly(() => files.close(open.file));
      this.ended.set(open.path, open);
    }
    this.name();
  }

  /** Renames finished files; empty ones are removed. @throws HashbrookError log_write also if somebody has removed one */
  private name(): void {
    for (const [path, { size, lines }] of this.ended) {
      const found = this.trying(path, () => this.complete(path + PART, size));
      this.ended.delete(path);
      if (found || lines === 0) continue;
      this.removed += lines;
      throw new HashbrookError(
        "log_write",
        `${path}${PART}: was removed while it was written: ${lines} lines are lost`,
      );
    }
  }

  /** Completes files that a killed process has left, once any living process would have completed them. */
  private adopt(): void {
    const before = nameTime(this.options.now() - LEFT_MS);
    for (const name of this.files.list(this.directory)) {
      const began = NAME.exec(name)?.[1];
      if (began !== undefined && began < before) quietly(() => this.complete(join(this.directory, name)));
    }
  }

  /** @param size default: without an incomplete last line @returns whether there is such a file */
  private complete(part: string, size?: number): boolean {
    const { files } = this;
    const left = files.stat(part);
    if (left && size === 0) files.remove(part);
    else if (left) {
      withFile(files, part, "r+", (file) => {
        files.truncate(file, size ?? wholeLines(files, file, left.bytes));
        files.fsync(file);
      });
      files.rename(part, part.slice(0, -PART.length));
    }
    // It may have its final name already, if only syncing failed.
    const there = left !== undefined || files.stat(part.slice(0, -PART.length)) !== undefined;
    if (there) files.syncDirectory(this.directory);
    return there;
  }

  private trying<T>(path: string, step: () => T): T {
    try {
      return step();
    } catch (error) {
      const { message, hint } = writeError(path, error);
      throw new HashbrookError("log_write", message, { hint, cause: error });
    }
  }
}

/** `20240531T235959000Z`. */
const nameTime = (time: number): string => isoText(time).replace(/[-:.]/g, "");

/** Bytes up to the last newline. */
function wholeLines(files: Files, file: number, size: number): number {
  const chunk = Buffer.alloc(64 << 10);
  for (let end = size; end > 0; ) {
    const from = Math.max(0, end - chunk.length);
    const read = readFully(files, file, chunk.subarray(0, end - from), from);
    const at = chunk.subarray(0, read).lastIndexOf(10);
    if (at >= 0) return from + at + 1;
    end = from;
  }
  return 0;
}
