import { decompressBlock } from "lz4js";

const MAGIC = 0x184d2204;
const BLOCK_CHECKSUM = 0x10;
const CONTENT_SIZE = 0x08;
const CONTENT_CHECKSUM = 0x04;
const STORED = 0x80000000;
/** Bytes per block for each size code. */
const BLOCK_BYTES: Readonly<Record<number, number>> = { 4: 1 << 16, 5: 1 << 18, 6: 1 << 20, 7: 1 << 22 };

/**
 * The content of one or more LZ4 frames. lz4js's own frame reader mishandles block checksums and content sizes over 4
 * GiB and does not notice a truncated frame, so only its block decoder is used.
 * @throws Error when it is not LZ4, or truncated
 */
export function lz4Decompress(source: Buffer): Buffer {
  const output = new Output(source.length * 4);
  let at = 0;
  do at = readFrame(source, at, output);
  while (at < source.length);
  return output.content();
}

/**
 * The content of an LZ4 block, which does not tell its own length.
 * @param length of the content, in bytes
 * @throws Error when the content has another length
 */
export function lz4DecompressBlock(source: Uint8Array, length: number): Buffer {
  const content = Buffer.alloc(length);
  if (decompressBlock(source, content, 0, source.length, 0) !== length) throw new Error("an LZ4 block is damaged");
  return content;
}

function readFrame(source: Buffer, start: number, output: Output): number {
  if (source.length < start + 7 || source.readUInt32LE(start) !== MAGIC) throw new Error("not an LZ4 frame");
  const flags = source[start + 4];
  const blockBytes = BLOCK_BYTES[(source[start + 5] >> 4) & 7];
  if (flags >> 6 !== 1 || blockBytes === undefined) throw new Error("unsupported LZ4 frame version");
  let at = start + 7 + (flags & CONTENT_SIZE ? 8 : 0);
  for (;;) {
    if (at + 4 > source.length) throw new Error("the LZ4 frame is truncated");
    const header = source.readUInt32LE(at);
    at += 4;
    if (header === 0) return at + (flags & CONTENT_CHECKSUM ? 4 : 0);
    const length = header & ~STORED;
    if (length > blockBytes || at + length > source.length) throw new Error("the LZ4 frame is truncated or damaged");
    if (header & STORED) output.copy(source.subarray(at, at + length));
    else output.decompress(source, at, length, blockBytes);
    at += length + (flags & BLOCK_CHECKSUM ? 4 : 0);
  }
}

/** A growing output in one piece of memory, because a block may refer to bytes of earlier blocks. */
class Output {
  private bytes: Buffer;
  private length = 0;

  constructor(expected: number) {
    this.bytes = Buffer.allocUnsafe(Math.max(expected, 1 << 16));
  }

  copy(stored: Uint8Array): void {
    this.reserve(stored.length);
    this.bytes.set(stored, this.length);
    this.length += stored.length;
  }

  decompress(source: Uint8Array, from: number, length: number, most: number): void {
    this.reserve(most);
    const end = decompressBlock(source, this.bytes, from, length, this.length);
    if (end > this.length + most) throw new Error("an LZ4 block is damaged");
    this.length = end;
  }

  content(): Buffer {
    return this.bytes.subarray(0, this.length);
  }

  private reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const grown = Buffer.allocUnsafe(2 * (this.length + more));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }
}
