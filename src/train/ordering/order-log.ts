import { join } from "node:path";
import { type Files, nodeFiles, quietly, readFully, withFile, writeError, writeFully } from "../../core/files.js";
import { wholeLines } from "../../core/lines.js";
import { xxh64 } from "../../kernels/hash.js";
import type { ClickMark } from "../join/click-stream.js";
import type { MergeDecision } from "./merge.js";

/**
 * A decision of the merge, of the join or of the run's operator, or the fact that after `at` examples the delta log's
 * entry `number` was published.
 */
export type Decision =
  | MergeDecision
  | ClickMark
  | { readonly kind: "publish"; readonly at: number; readonly number: number }
  /** After `at` examples the run's hold number `hold` was lifted, before entry `number` was published. */
  | { readonly kind: "resume"; readonly at: number; readonly hold: number; readonly number: number };

/** Selects the entries that a resumed run still has to follow. */
export type Wanted = (entry: Decision) => boolean;

const NAME = "order.log";
const PIECE = 1 << 20;
const LONGEST_LINE = 128;
const LINE =
  /^((turn|publish|partitions) (\d+) (\d+)|(close|anew) (\d+)|mark (\d+) (\d+) (\d+) (\d+)|resume (\d+) (\d+) (\d+)) ([0-9a-f]{16})$/;

/**
 * `order.log` of a run's directory: everything about the order of learning that depended on the clock or on what had
 * arrived, one line per decision, in the order it happened. A run that is killed and resumed follows it, so that it
 * publishes the same entries again. A line truncated by a kill, and everything after it, is dropped.
 *
 * turn <messages> <partition> <checksum>
 * close <messages> <checksum>
 * partitions <messages> <count> <checksum>
 * publish <examples> <number> <checksum>     replaces those with its number or a higher one
 * resume <examples> <hold> <number> <checksum>
 * mark <messages> <stream of clicks> <clicks> <time> <checksum>
 * anew <messages> <checksum>                 replaces decisions about what comes after it
 */
export class OrderLog {
  readonly path: string;
  /** The selected entries that the file held when it was opened. */
  readonly entries: readonly Decision[];
  private readonly files: Files;
  private readonly file: number;
  private length: number;
  private pending = "";
  private durable = true;

  /**
   * @param options.fresh a new run: the file's content belongs to another one
   * @param options.wanted default: all
   * @throws checkpoint_write
   */
  constructor(
    directory: string,
    options: { readonly fresh?: boolean; readonly wanted?: Wanted } = {},
    files: Files = nodeFiles,
  ) {
    this.files = files;
    this.path = join(directory, NAME);
    const opened = this.writing(() => {
      files.mkdir(directory);
      const { entries, length } = options.fresh
        ? { entries: [], length: 0 }
        : readEntries(files, this.path, options.wanted ?? (() => true));
      return { entries, length, file: this.openAt(directory, length) };
    });
    this.entries = opened.entries;
    this.length = opened.length;
    this.file = opened.file;
  }

  /** Opens the file, durably without what follows `length`. */
  private openAt(directory: string, length: number): number {
    const { files, path } = this;
    const file = files.open(path, files.stat(path) ? "r+" : "w");
    try {
      files.truncate(file, length);
      files.fsync(file);
      files.syncDirectory(directory);
      return file;
    } catch (error) {
      quietly(() => files.close(file));
      throw error;
    }
  }

  append(entries: readonly Decision[]): void {
    for (const entry of entries) this.pending += encode(entry);
    if (this.pending.length > 0) this.durable = false;
  }

  /** Makes everything appended durable: call before anything that depends on it is published. */
  sync(): void {
    if (this.durable) return;
    this.writing(() => {
      this.flush();
      this.files.fsync(this.file);
    });
    this.durable = true;
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

  private flush(): void {
    const text = Buffer.from(this.pending);
    this.pending = "";
    this.length = writeFully(this.files, this.file, text, this.length);
  }

  private writing<T>(write: () => T): T {
    try {
      return write();
    } catch (error) {
      throw writeError(this.path, error);
    }
  }
}

/** The selected entries of a directory's log. @throws checkpoint_write if it cannot be read */
export function readOrder(directory: string, wanted: Wanted): readonly Decision[] {
  const path = join(directory, NAME);
  try {
    return readEntries(nodeFiles, path, wanted).entries;
  } catch (error) {
    throw writeError(path, error);
  }
}

function encode(entry: Decision): string {
  const text = textOf(entry);
  return `${text} ${checksum(text)}\n`;
}

function textOf(entry: Decision): string {
  switch (entry.kind) {
    case "turn":
      return `turn ${entry.at} ${entry.partition}`;
    case "publish":
      return `publish ${entry.at} ${entry.number}`;
    case "partitions":
      return `partitions ${entry.at} ${entry.count}`;
    case "resume":
      return `resume ${entry.at} ${entry.hold} ${entry.number}`;
    case "mark":
      return `mark ${entry.at} ${entry.partition} ${entry.clicks} ${entry.time}`;
    case "close":
    case "anew":
      return `${entry.kind} ${entry.at}`;
  }
}

function checksum(text: string): string {
  return xxh64(text).toString(16).padStart(16, "0");
}

function readEntries(files: Files, path: string, wanted: Wanted): { entries: Decision[]; length: number } {
  const bytes = files.stat(path)?.bytes ?? 0;
  if (bytes === 0) return { entries: [], length: 0 };
  return withFile(files, path, "r", (file) => {
    const start = startOf(files, file, bytes, wanted);
    const { entries, length } = parse(readPiece(files, file, start, bytes - start));
    return { entries: settle(entries).filter(wanted), length: start + length };
  });
}

/** Where the selected entries begin, searched from the end: the file grows for as long as a run lives. */
function startOf(files: Files, file: number, bytes: number, wanted: Wanted): number {
  for (let end = bytes; end > PIECE; end -= PIECE) {
    const piece = readPiece(files, file, end - PIECE, Math.min(PIECE + LONGEST_LINE, bytes - end + PIECE));
    const from = piece.indexOf(10) + 1;
    const { entries } = parse(piece.subarray(from));
    if (entries.length > 0 && !entries.some(wanted)) return end - PIECE + from;
  }
  return 0;
}

function readPiece(files: Files, file: number, at: number, bytes: number): Buffer {
  const piece = Buffer.alloc(bytes);
  return piece.subarray(0, readFully(files, file, piece, at));
}

/** The complete lines of `data`, up to the first invalid one, and their size in bytes. */
function parse(data: Buffer): { entries: Decision[]; length: number } {
  const entries: Decision[] = [];
  let length = 0;
  for (const line of wholeLines(data).lines) {
    const entry = decode(line.toString("latin1"));
    if (!entry) break;
    entries.push(entry);
    length += line.length + 1;
  }
  return { entries, length };
}

/** Removes entries that later ones replace. */
function settle(all: readonly Decision[]): Decision[] {
  let entries: Decision[] = [];
  let newest = -1;
  for (const entry of all) {
    const again = entry.kind === "anew" || (entry.kind === "publish" && entry.number <= newest);
    if (again) entries = entries.filter((earlier) => !replaces(entry, earlier));
    if (entry.kind === "publish") newest = entry.number;
    if (entry.kind !== "anew") entries.push(entry);
  }
  return entries;
}

function replaces(entry: Decision, earlier: Decision): boolean {
  if (entry.kind === "publish") return earlier.kind === "publish" && earlier.number >= entry.number;
  return earlier.kind !== "publish" && earlier.kind !== "resume" && earlier.at > entry.at;
}

function decode(line: string): Decision | null {
  const [, text, pair, first, second, single, place, ...rest] = LINE.exec(line) ?? [];
  if (text === undefined || checksum(text) !== rest.pop()) return null;
  const [at_, partition, clicks, time, at__, hold, number] = rest.map(Number);
  if (rest[4] !== undefined) return { kind: "resume", at: at__, hold, number };
  if (rest[0] !== undefined) return { kind: "mark", at: at_, partition, clicks, time };
  if (single !== undefined) return { kind: single as "close" | "anew", at: Number(place) };
  const at = Number(first);
  const value = Number(second);
  if (pair === "turn") return { kind: pair, at, partition: value };
  return pair === "publish" ? { kind: pair, at, number: value } : { kind: "partitions", at, count: value };
}
