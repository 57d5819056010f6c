import { HashbrookError } from "../../core/errors.js";
import { hex64 } from "../../core/hash.js";
import { xxh64 } from "../../kernels/hash.js";
import { HEAD, parseFingerprint, readHead } from "../../sources/files/fingerprint.js";
import { headOf, type Input } from "../../sources/reader.js";
import type { FilePosition } from "../job.js";
import type { Pass } from "./pass.js";

/** A file, identified by its content, and how far it was learned. */
export interface LearnedFile {
  /** Length of the hashed beginning, at most 64 KiB; with its XXH64. */
  readonly bytes: number;
  readonly hash: string;
  /** Bytes of content, and lines, that were learned. */
  readonly offset: number;
  readonly row: number;
  /** Its size on disk when it was learned to its end; null if unknown. */
  readonly stored: number | null;
  /** It was learned as the run's examples `from` + 1 to `to`. */
  readonly from: number;
  readonly to: number;
  /** Its name then. */
  readonly name: string;
}

/** Most files of earlier lists that a checkpoint remembers; older ones are forgotten. */
const MOST = 4096;
const NEWLINE = 10;
/** For files that ended before checkpoints recorded positions: all of it counts as learned. */
const UNKNOWN = { offset: Number.MAX_SAFE_INTEGER, row: 0 };

export function encodeLearned({ bytes, hash, offset, row, stored, from, to, name }: LearnedFile): string {
  return [bytes, hash, offset, row, stored ?? "-", from, to, name].join(" ");
}

export function decodeLearned(text: string): LearnedFile {
  const [bytes, hash, offset, row, stored, from, to, ...name] = text.split(" ");
  const size = stored === "-" ? null : Number(stored);
  const numbers = { offset: Number(offset), row: Number(row), from: Number(from), to: Number(to) };
  return { bytes: Number(bytes), hash, ...numbers, stored: size, name: name.join(" ") };
}

/** The files of a list that has been learned up to `position`, without pipes, which cannot be recognised. */
export function learnedOf(
  sources: readonly string[],
  pass: Pass,
  position: FilePosition,
  examples: number,
): LearnedFile[] {
  return sources.flatMap((source, i) => {
    const known = parseFingerprint(source);
    const from = i === 0 ? pass.from : (pass.ends[i - 1]?.examples ?? pass.from);
    const within = i === position.file && position.epoch === 0;
    const end = pass.ends[i] ?? (within ? position : UNKNOWN);
    if (known.bytes === 0) return [];
    const { offset, row } = end;
    const [stored, to] = "examples" in end ? [end.stored, end.examples] : [null, examples];
    // A header alone is what other files begin with, too.
    if (row === 1 && to === from) return [];
    return [{ ...known, offset, row, stored, from, to }];
  });
}

/** Merges earlier and later learned files; a file that was continued is kept once. */
export function remember(earlier: readonly LearnedFile[], later: readonly LearnedFile[]): LearnedFile[] {
  return [...without(earlier, later), ...later].slice(-MOST);
}

/** Those of `files` that are not among `others`. */
export function without(files: readonly LearnedFile[], others: readonly LearnedFile[]): LearnedFile[] {
  return files.filter((file) => !others.some(({ bytes, hash }) => bytes === file.bytes && hash === file.hash));
}

interface Head {
  readonly content: Uint8Array;
  /** By length: hashes of its beginning. */
  readonly hashes: Map<number, string>;
}

/** The beginnings of inputs, each read once. */
export class Heads {
  private readonly heads = new Map<Input, Head>();

  /** Whether two inputs have the same size and beginning. */
  async areSame(a: Input, b: Input): Promise<boolean> {
    if (a.bytes === null || a.bytes !== b.bytes) return false;
    const { content } = await this.head(a);
    return content.length > 0 && Buffer.compare(content, (await this.head(b)).content) === 0;
  }

  /** Whether the first `bytes` bytes of an input have this hash; never for a pipe, or for 0 bytes. */
  async matches(input: Input, { bytes, hash }: { readonly bytes: number; readonly hash: string }): Promise<boolean> {
    if (!input.repeatable || bytes === 0) return false;
    const { content, hashes } = await this.head(input);
    if (content.length < bytes) return false;
    if (!hashes.has(bytes)) hashes.set(bytes, hex64(xxh64(content.subarray(0, bytes))));
    return hashes.get(bytes) === hash;
  }

  private async head(input: Input): Promise<Head> {
    let head = this.heads.get(input);
    if (!head) {
      head = { content: await readHead(input, HEAD), hashes: new Map() };
      this.heads.set(input, head);
    }
    return head;
  }

  /** The record of an input; if several files begin like it, the one of which most was learned. */
  async find(input: Input, files: readonly LearnedFile[]): Promise<LearnedFile | null> {
    let found: LearnedFile | null = null;
    for (const file of files)
      if ((!found || file.offset > found.offset) && (await this.matches(input, file))) found = file;
    return found;
  }
}

/**
 * Whether an input holds more than was learned of it.
 * @param lines false: for binary events, which were complete
 * @throws source_changed if the last learned line was incomplete
 */
export async function hasMore(
  input: Input,
  { offset, stored, name, row }: LearnedFile,
  lines: boolean,
): Promise<boolean> {
  if (input.content !== null ? input.content <= offset : stored !== null && input.bytes === stored) return false;
  const next = await bytesAround(input, offset);
  if (next.length < 2) return false;
  if (!lines || next[0] === NEWLINE || next[1] === NEWLINE) return true;
  throw new HashbrookError(
    "source_changed",
    `${input.name}: line ${row} was learned (as ${name}) before it was complete`,
    {
      hint: "pass the appended lines as a separate file, or learn the whole file again with --again",
    },
  );
}

/** The bytes before and after a position, if they exist. */
async function bytesAround(input: Input, offset: number): Promise<Uint8Array> {
  try {
    return await headOf(await input.open(Math.max(0, offset - 1)), 2);
  } catch (error) {
    // Shorter than what was learned: nothing is new in it.
    if (error instanceof HashbrookError && error.code === "source_changed") return new Uint8Array(0);
    throw error;
  }
}
