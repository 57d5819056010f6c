import type { ByteSource } from "../source.js";

const START = 1 << 18;
const NEWLINE = 0x0a;
const RETURN = 0x0d;

/**
 * The lines of a source, chunk by chunk, without their ends (\n or \r\n) and without empty lines. A file's last line
 * needs no newline. The bytes are valid until the next chunk is requested.
 * @param skipHeader leaves out every file's first line
 */
export async function* chunksOfLines(source: ByteSource, skipHeader = false): AsyncGenerator<Uint8Array[]> {
  await source.open({ file: 0, offset: 0, row: 0 });
  do yield* linesOfFile(source, skipHeader);
  while (await source.nextFile());
}

async function* linesOfFile(source: ByteSource, skipHeader: boolean): AsyncGenerator<Uint8Array[]> {
  let buffer = new Uint8Array(START);
  let length = 0;
  let skip = skipHeader;
  for (;;) {
    if (length === buffer.length) buffer = grown(buffer);
    const count = await source.read(buffer.subarray(length));
    const lines: Uint8Array[] = [];
    const from = length;
    length += count;
    let start = 0;
    const add = (end: number) => {
      const line = trimmed(buffer, start, end);
      if (!skip && line.length > 0) lines.push(line);
      skip = false;
    };
    for (let end = nextLine(buffer, from, length); end >= 0; end = nextLine(buffer, start, length)) {
      add(end);
      start = end + 1;
    }
    if (count === 0 && start < length) add(length);
    if (lines.length > 0) yield lines;
    if (count === 0) return;
    buffer.copyWithin(0, start, length);
    length -= start;
  }
}

function grown(buffer: Uint8Array): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(2 * buffer.length);
  larger.set(buffer);
  return larger;
}

/** Where the next newline is, or -1. */
function nextLine(buffer: Uint8Array, from: number, length: number): number {
  const at = buffer.indexOf(NEWLINE, from);
  return at < length ? at : -1;
}

function trimmed(buffer: Uint8Array, start: number, end: number): Uint8Array {
  return buffer.subarray(start, end > start && buffer[end - 1] === RETURN ? end - 1 : end);
}
