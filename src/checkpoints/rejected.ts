import { isUtf8 } from "node:buffer";
import { join } from "node:path";
import { HashbrookError } from "../core/errors.js";
import { type Files, nodeFiles, quietly, readFully, withFile, writeError, writeFully } from "../core/files.js";
import { wholeLines } from "../core/lines.js";

/** A rejected event. */
export interface RejectedEvent {
  /** Reject code: "bad_label", "column_count", … */
  readonly code: string;
  /** The column or field of the invalid value, if it is a single one. */
  readonly column: string | null;
  /** The value found, shortened, if there is one; and what was expected instead. */
  readonly value: string | null;
  readonly expected: string;
  readonly file: string;
  /** Row number, counted from 1 in its file. */
  readonly row: number;
  /** Bytes from the start of the file (after decompression). */
  readonly offset: number;
  /** Bytes of the event; `raw` may hold only the first of them. */
  readonly length: number;
  readonly raw: Uint8Array;
}

/** Lines are buffered up to this many bytes, or until `sync` is called. */
const BUFFER_BYTES = 256 << 10;

/**
 * A file in a run's folder `rejected`: one JSON object per line, in stream order.
 *
 * Its length is part of every checkpoint (`sync` first, then save `bytesWritten`): on resume the file is truncated to
 * that length, so that the replay neither loses nor repeats a line.
 */
export class KeptLines {
  readonly path: string;
  private readonly files: Files;
  private readonly file: number;
  private position: number;
  private pending: Uint8Array[] = [];
  private pendingBytes = 0;

  /**
   * @param directory the run's directory
   * @param name of the file
   * @param length `bytesWritten` of the checkpoint that is resumed from; 0: a new file
   * @throws checkpoint_mismatch when the file is shorter than the checkpoint says; checkpoint_write
   */
  constructor(directory: string, name: string, length = 0, files: Files = nodeFiles) {
    this.files = files;
    this.path = join(directory, "rejected", name);
    this.position = length;
    this.file = this.writing(() => this.openAt(join(directory, "rejected"), length));
  }

  /** Length of the file with all lines appended so far. Durable after `sync`. */
  get bytesWritten(): number {
    return this.position + this.pendingBytes;
  }

  /** Appends a line. @throws checkpoint_write on a full disk; the writer can then only be closed */
  add(content: object): void {
    const line = Buffer.from(`${JSON.stringify(content)}\n`);
    this.pending.push(line);
    this.pendingBytes += line.byteLength;
    if (this.pendingBytes >= BUFFER_BYTES) this.writing(() => this.flush());
  }

  /** Makes all lines so far durable: before a checkpoint with `bytesWritten` is saved. */
  sync(): void {
    this.writing(() => {
      this.flush();
      this.files.fsync(this.file);
    });
  }

  close(): void {
    this.writing(() => {
      try {
        this.flush();
      } finally {
        this.files.close(this.file);
      }
    });
  }

  private openAt(directory: string, length: number): number {
    this.files.mkdir(directory);
    const found = this.files.stat(this.path);
    if ((found?.bytes ?? 0) < length) throw cutShort(this.path, found?.bytes ?? 0, length);
    const file = this.files.open(this.path, found ? "r+" : "w");
    try {
      this.files.truncate(file, length);
      this.files.syncDirectory(directory);
      return file;
    } catch (error) {
      quietly(() => this.files.close(file));
      throw error;
    }
  }

  private flush(): void {
    const lines = Buffer.concat(this.pending);
    // Cleared before they are written, so that closing after a failure does not fail again.
    this.pending = [];
    this.pendingBytes = 0;
    this.position = writeFully(this.files, this.file, lines, this.position);
  }

  private writing<T>(write: () => T): T {
    try {
      return write();
    } catch (error) {
      throw writeError(this.path, error);
    }
  }
}

/** The dead-letter file `rejected/rejected.jsonl` of a run. */
export class RejectedWriter extends KeptLines {
  /** As `KeptLines`. */
  constructor(directory: string, length = 0, files: Files = nodeFiles) {
    super(directory, "rejected.jsonl", length, files);
  }

  /** Appends the stream's next reject. @throws as `add` */
  append({ raw, ...facts }: RejectedEvent): void {
    const { code, column, value, expected, file, row, offset, length } = facts;
    this.add({ code, column, value, expected, file, row, offset, length, ...rawText(raw) });
  }
}

const PIECE_BYTES = 1 << 20;

/**
 * The first event of each code among the first `length` bytes of a run's rejected events.
 * @param codes read no further once all of these are found
 */
export function firstRejected(
  directory: string,
  length: number,
  codes: Iterable<string>,
  files: Files = nodeFiles,
): Map<string, Omit<RejectedEvent, "raw">> {
  const found = new Map<string, Omit<RejectedEvent, "raw">>();
  const wanted = new Set(codes);
  for (const line of linesIn(join(directory, "rejected", "rejected.jsonl"), length, files)) {
    if (wanted.size === 0) break;
    const [, code = ""] = /^\{"code":"(\w+)"/.exec(line.toString("latin1", 0, 64)) ?? [];
    if (wanted.delete(code)) found.set(code, JSON.parse(line.toString("utf8")));
  }
  return found;
}

/** Whole lines, without their newlines. */
function* linesIn(path: string, length: number, files: Files): Generator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for (let at = 0; at < length; at += PIECE_BYTES) {
    const piece = new Uint8Array(Math.min(PIECE_BYTES, length - at));
    const read = withFile(files, path, "r", (file) => readFully(files, file, piece, at));
    const found = wholeLines(Buffer.concat([rest, piece.subarray(0, read)]));
    yield* found.lines;
    rest = found.rest;
  }
}

function rawText(raw: Uint8Array): { raw: string } | { raw_base64: string } {
  const text = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
  return isUtf8(raw) ? { raw: text.toString("utf8") } : { raw_base64: text.toString("base64") };
}

function cutShort(path: string, found: number, length: number): HashbrookError {
  return new HashbrookError(
    "checkpoint_mismatch",
    `${path}: has ${found} bytes, but had ${length} when the checkpoint was written`,
    {
      hint: `restore the file; to continue without the earlier rejects: truncate -s ${length} ${path}`,
    },
  );
}
