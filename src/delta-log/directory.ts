import { join } from "node:path";
import { type Files, quietly, readFully, withFile } from "../core/files.js";
import { readFacts } from "./entry.js";
import { damaged, FRAME_HEAD, type Frame, frameHead } from "./frame.js";

/** A file of the delta log: `delta-000000000012.hbd` or `snapshot-000000000600.hbd`. */
export interface LogFile {
  readonly name: string;
  readonly kind: "delta" | "snapshot";
  readonly number: number;
}

/** An empty file `writer-<epoch>-<number>`: from this number on the entries are this writer's. */
export interface WriterMark {
  readonly name: string;
  readonly epoch: number;
  readonly number: number;
}

/** The content of a log's directory, with entries sorted by number. */
export interface Listing {
  readonly deltas: readonly LogFile[];
  readonly snapshots: readonly LogFile[];
  readonly writers: readonly WriterMark[];
  /** Names of entries that are being written, or were when their writer was killed. */
  readonly unfinished: readonly string[];
}

const FILE = /^(delta|snapshot)-(\d{12,})\.hbd$/;
const WRITER = /^writer-(\d{12,})-(\d{12,})$/;

/** What the name of an entry ends with until it is complete. */
export const UNFINISHED = ".tmp";

const digits = (number: number): string => String(number).padStart(12, "0");

export const fileName = (kind: "delta" | "snapshot", number: number): string => `${kind}-${digits(number)}.hbd`;
export const writerName = (epoch: number, number: number): string => `writer-${digits(epoch)}-${digits(number)}`;

export function listLog(files: Files, directory: string): Listing {
  const deltas: LogFile[] = [];
  const snapshots: LogFile[] = [];
  const writers: WriterMark[] = [];
  const names = files.list(directory);
  const unfinished = names.filter((name) => name.endsWith(UNFINISHED) && FILE.test(name.slice(0, -UNFINISHED.length)));
  for (const name of names) {
    const [, kind, number] = FILE.exec(name) ?? [];
    if (kind === "delta") deltas.push({ name, kind, number: Number(number) });
    else if (kind === "snapshot") snapshots.push({ name, kind, number: Number(number) });
    const [, epoch, from] = WRITER.exec(name) ?? [];
    if (epoch) writers.push({ name, epoch: Number(epoch), number: Number(from) });
  }
  const byNumber = (a: LogFile, b: LogFile) => a.number - b.number;
  writers.sort((a, b) => a.epoch - b.epoch || b.number - a.number);
  return { deltas: deltas.sort(byNumber), snapshots: snapshots.sort(byNumber), writers, unfinished };
}

/**
 * The frames of a file, read one at a time.
 * @throws HashbrookError log_damaged; Node's errors
 */
export function* readFrames(files: Files, path: string): Generator<Frame> {
  const size = files.stat(path)?.bytes ?? 0;
  const file = files.open(path, "r");
  try {
    for (let at = 0; ; ) {
      const frame = readFrame(files, file, at, size);
      if (!frame) return;
      yield frame;
      at += FRAME_HEAD + frame.body.length;
    }
  } finally {
    quietly(() => files.close(file));
  }
}

function readFrame(files: Files, file: number, at: number, size: number): Frame | null {
  const head = new Uint8Array(FRAME_HEAD);
  const there = readFully(files, file, head, at);
  if (there === 0) return null;
  const { epoch, sent, bytes } = frameHead(head.subarray(0, there));
  const body = new Uint8Array(Math.min(bytes, size - at));
  if (readFully(files, file, body, at + FRAME_HEAD) < bytes) throw damaged("it is truncated");
  return { epoch, sent, body };
}

/** The epoch of a file's writer, null if it cannot be read. */
export function epochOf(files: Files, directory: string, { name }: LogFile): number | null {
  try {
    const head = new Uint8Array(FRAME_HEAD);
    withFile(files, join(directory, name), "r", (file) => readFully(files, file, head, 0));
    return frameHead(head).epoch;
  } catch {
    return null;
  }
}

/** The epoch of a snapshot with all its parts intact and belonging to its number and `run`; else null. */
export function wholeSnapshot(
  files: Files,
  directory: string,
  { name, number }: LogFile,
  run: string | null,
): number | null {
  try {
    let next = 0;
    let all = 0;
    let writer = Number.NaN;
    for (const { body, epoch } of readFrames(files, join(directory, name))) {
      const facts = readFacts(body);
      const fits = facts.kind === "snapshot" && facts.number === number && facts.part === next++;
      if (!fits || (run !== null && facts.run !== run)) return null;
      [all, writer] = [facts.parts, epoch];
    }
    return next > 0 && next === all ? writer : null;
  } catch {
    return null;
  }
}
