import { join } from "node:path";
import { type Files, nodeFiles, readFully, withFile, writeError, writeFully } from "../core/files.js";
import { xxh64 } from "../spec/hash.js";
import type { Decision } from "./merge.js";

/** A decision of the merge, or: after `at` examples the delta log's entry `number` was published. */
export type Entry = Decision | { readonly kind: "publish"; readonly at: number; readonly number: number };

const NAME = "order.log";
const LINE = /^((turn|publish) (\d+) (\d+)|close (\d+)) ([0-9a-f]{16})$/;

/**
 * `order.log` of a run's directory: everything about the order of learning that followed from the clock or from what was at
 * hand, one line each, in the order it happened. A run that is killed and resumed follows it, so that what it had published
 * before comes out the same again. A line cut short by a kill, and what follows it, is dropped.
 *
 *     turn <messages> <partition> <checksum>
 *     close <messages> <checksum>
 *     publish <examples> <number> <checksum>
 */
export class OrderLog {
  readonly path: string;
  /** What the file held when it was opened. */
  readonly entries: readonly Entry[];
  private readonly files: Files;
  private readonly file: number;
  private length: number;
  private pending = "";
  private durable = true;

  /**
   * @param options.fresh a new run: what the file holds is of another one
   * @throws checkpoint_write
   */
  constructor(directory: string, options: { readonly fresh?: boolean } = {}, files: Files = nodeFiles) {
    this.files = files;
    this.path = join(directory, NAME);
    const opened = this.writing(() => {
      files.mkdir(directory);
      const { entries, length } = options.fresh ? { entries: [], length: 0 } : readEntries(files, this.path);
      const file = files.open(this.path, files.stat(this.path) ? "r+" : "w");
      files.truncate(file, length);
      return { entries, length, file };
    });
    this.entries = opened.entries;
    this.length = opened.length;
    this.file = opened.file;
  }

  append(entries: readonly Entry[]): void {
    for (const entry of entries) this.pending += encode(entry);
    if (this.pending.length > 0) this.durable = false;
  }

  /** Puts everything appended on disk: before anything that depends on it is published. */
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
      this.flush();
      this.files.close(this.file);
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

function encode(entry: Entry): string {
  const text = textOf(entry);
  return `${text} ${checksum(text)}\n`;
}

function textOf(entry: Entry): string {
  switch (entry.kind) {
    case "turn":
      return `turn ${entry.at} ${entry.partition}`;
    case "publish":
      return `publish ${entry.at} ${entry.number}`;
    case "close":
      return `close ${entry.at}`;
  }
}

function checksum(text: string): string {
  return xxh64(text).toString(16).padStart(16, "0");
}

function readEntries(files: Files, path: string): { entries: Entry[]; length: number } {
  const bytes = files.stat(path)?.bytes ?? 0;
  const data = Buffer.alloc(bytes);
  if (bytes > 0) withFile(files, path, "r", (file) => readFully(files, file, data, 0));
  const entries: Entry[] = [];
  let length = 0;
  for (let end = data.indexOf(10); end >= 0; end = data.indexOf(10, length)) {
    const entry = decode(data.toString("latin1", length, end));
    if (!entry) break;
    entries.push(entry);
    length = end + 1;
  }
  return { entries, length };
}

function decode(line: string): Entry | null {
  const match = LINE.exec(line);
  if (!match || checksum(match[1]) !== match[6]) return null;
  if (match[2] === undefined) return { kind: "close", at: Number(match[5]) };
  const [at, value] = [Number(match[3]), Number(match[4])];
  return match[2] === "turn" ? { kind: "turn", at, partition: value } : { kind: "publish", at, number: value };
}
