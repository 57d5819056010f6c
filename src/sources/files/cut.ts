import { HashbrookError } from "../../core/errors.js";
import type { Input, Reader } from "../reader.js";

/** A boundary between two rows in a list of inputs. */
export interface Cut {
  /** Index of the input. */
  readonly file: number;
  /** Bytes of its decompressed content before the boundary. */
  readonly offset: number;
}

const NEWLINE = 10;
const PIECE = 1 << 16;

/**
 * The boundary at which the last `share` of the inputs' content begins: the first row that starts at or after that
 * byte. Content is counted decompressed, so compressed and simulated inputs are read once to measure them.
 * @param share 0..1
 * @param begins bytes of each input to leave out at its start
 * @throws usage when an input cannot be read twice, or when either part would be empty
 */
export async function cutOf(inputs: readonly Input[], share: number, begins: readonly number[] = []): Promise<Cut> {
  const once = inputs.find(({ repeatable }) => !repeatable);
  if (once) throw nothing(`${once.name}: a pipe is read only once, so no part of it can be held out`);
  const sizes: number[] = [];
  for (const [i, input] of inputs.entries()) {
    const content = input.content ?? (await contentOf(input));
    sizes.push(Math.max(0, content - (begins[i] ?? 0)));
  }
  let left = Math.floor(sizes.reduce((sum, size) => sum + size, 0) * (1 - share));
  let file = 0;
  for (; file < sizes.length && left >= sizes[file]; file++) left -= sizes[file];
  const cut = file < sizes.length ? await rowFrom(inputs[file], file, left + (begins[file] ?? 0)) : { file, offset: 0 };
  if (cut.file === inputs.length) throw nothing("too little data: the held-out part would be empty");
  if (cut.file === 0 && cut.offset <= (begins[0] ?? 0))
    throw nothing("too little data: the training part would be empty");
  return cut;
}

/** The inputs up to a boundary. */
export function before(inputs: readonly Input[], { file, offset }: Cut): Input[] {
  return inputs
    .slice(0, offset > 0 ? file + 1 : file)
    .map((input, i) => (i === file ? shortened(input, offset) : input));
}

function shortened(input: Input, end: number): Input {
  const bytes = input.content === null ? input.bytes : end;
  const open = async (offset: number, row?: number) => new CutReader(await input.open(offset, row), end - offset);
  return { ...input, bytes, content: end, open };
}

class CutReader implements Reader {
  private readonly reader: Reader;
  private left: number;

  constructor(reader: Reader, left: number) {
    this.reader = reader;
    this.left = left;
  }

  async read(target: Uint8Array): Promise<number> {
    if (this.left <= 0) return 0;
    const count = await this.reader.read(target.subarray(0, Math.min(target.length, this.left)));
    this.left -= count;
    return count;
  }

  get consumed(): number {
    return this.reader.consumed;
  }

  close(): void {
    this.reader.close();
  }
}

async function contentOf(input: Input): Promise<number> {
  let bytes = 0;
  await readFrom(input, 0, (piece) => {
    bytes += piece.length;
    return false;
  });
  return bytes;
}

/** The first row of an input that starts at or after a byte; the next input's first row if there is none. */
async function rowFrom(input: Input, file: number, byte: number): Promise<Cut> {
  if (byte === 0) return { file, offset: 0 };
  const offset = await (input.rowFrom ? input.rowFrom(byte) : lineFrom(input, byte));
  const more = offset !== null && (await readFrom(input, offset, () => true));
  return more ? { file, offset } : { file: file + 1, offset: 0 };
}

/** Where the first line of an input at or after a byte (above 0) begins, or its content ends; null: no line does. */
export async function lineFrom(input: Input, byte: number): Promise<number | null> {
  let at = byte - 1;
  const found = await readFrom(input, at, (piece) => {
    const end = piece.indexOf(NEWLINE);
    at += end < 0 ? piece.length : end + 1;
    return end >= 0;
  });
  return found ? at : null;
}

/** Reads pieces of an input until `take` returns true, and returns whether it did. */
export async function readFrom(input: Input, offset: number, take: (piece: Uint8Array) => boolean): Promise<boolean> {
  const reader = await input.open(offset);
  const target = new Uint8Array(PIECE);
  try {
    for (;;) {
      const count = await reader.read(target);
      if (count === 0) return false;
      if (take(target.subarray(0, count))) return true;
    }
  } finally {
    reader.close();
  }
}

function nothing(message: string): HashbrookError {
  return new HashbrookError("usage", `--validate-last: ${message}`, {
    hint: "give more data, another share, or separate files: --validate FILES",
  });
}
