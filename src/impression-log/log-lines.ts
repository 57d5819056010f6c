import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { HashbrookError } from "../core/errors.js";
import { nodeFiles } from "../core/files.js";
import { wholeLines } from "../core/lines.js";
import { inputsFor, sourceOf } from "../sources/source.js";
import { PART } from "./directory-sink.js";

/** A line of a log, and its position. Its bytes are the caller's. */
export interface LogLine {
  readonly file: string;
  /** From 1; for a topic's partition the offset. */
  readonly line: number;
  readonly bytes: Buffer;
}

/** For messages. */
export const placeOf = ({ file, line }: Pick<LogLine, "file" | "line">): string => `${file}:${line}`;

const NAME = /^impressions-.*\.jsonl(\.gz|\.zst)?$/;
const CHUNK_BYTES = 1 << 20;

/**
 * The lines of a log that servers wrote, in batches; empty ones are left out.
 * @param log directories (their complete files, sorted by name), files, patterns, and topics (`kafka://…`: a line is a message)
 * @throws HashbrookError source_missing, source_unreadable; kafka_…
 */
export async function* linesOf(log: readonly string[]): AsyncGenerator<readonly LogLine[]> {
  for (const url of log.filter(isTopic)) {
    const { linesOfTopic } = await import("./topic-lines.js");
    yield* linesOfTopic(url);
  }
  const files = log.filter((place) => !isTopic(place));
  for (const input of files.length > 0 ? inputsFor(files.flatMap(filesOf)) : []) {
    const source = sourceOf([input]);
    try {
      await source.open({ file: 0, offset: 0, row: 0 });
      yield* linesOfFile(input.name, (target) => source.read(target));
    } finally {
      await source.close();
    }
  }
}

const isTopic = (place: string) => place.startsWith("kafka://");

/**
 * Files in a log's directories that are not complete, and therefore not read: a server is writing them, or was killed.
 */
export function unfinishedOf(log: readonly string[]): string[] {
  return log
    .filter((place) => !isTopic(place) && isDirectory(place))
    .flatMap((directory) => {
      const names = nodeFiles
        .list(directory)
        .filter((name) => name.endsWith(PART) && NAME.test(name.slice(0, -PART.length)));
      return names.map((name) => join(directory, name));
    });
}

const isDirectory = (place: string) => existsSync(place) && statSync(place).isDirectory();

function filesOf(place: string): string[] {
  if (!isDirectory(place)) return [place];
  const names = nodeFiles.list(place).filter((name) => NAME.test(name));
  if (names.length > 0) return names.map((name) => join(place, name));
  throw new HashbrookError("source_missing", `${place}: contains no file of an impression log`, {
    hint: "serve --log DIR writes impressions-….jsonl; the name ends in .part until the file is complete",
  });
}

async function* linesOfFile(
  file: string,
  read: (target: Uint8Array) => Promise<number>,
): AsyncGenerator<readonly LogLine[]> {
  let rest: Buffer = Buffer.alloc(0);
  let line = 0;
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    const count = await read(chunk);
    const found = wholeLines(Buffer.concat([rest, chunk.subarray(0, count)]));
    rest = found.rest;
    const texts = count === 0 ? [...found.lines, rest] : found.lines;
    const lines = texts
      .map((bytes): LogLine => ({ file, line: ++line, bytes }))
      .filter(({ bytes }) => bytes.length > 0);
    if (lines.length > 0) yield lines;
    if (count === 0) return;
    // Lets a signal be delivered: reading a file never waits, nor does scoring with some models.
    await setImmediate();
  }
}
