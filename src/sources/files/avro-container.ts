import { crc32, inflateRawSync } from "node:zlib";
import type { HashbrookError } from "../../core/errors.js";
import { type Files, nodeFiles } from "../../core/files.js";
import { zstdDecompress } from "../../core/zstd.js";
import { parseAvro } from "../../event-schemas/avro.js";
import { AvroBytes, avroToJson, DamagedValues } from "../../event-schemas/avro-lines.js";
import type { Reader } from "../reader.js";
import { snappyContent } from "./parquet.js";
import { behindRows, RowsReader, rowsDamaged } from "./rows-reader.js";
import { TableFile } from "./table-file.js";

/** Records read at a time: enough for a fingerprint or for the first rows of a file. */
const ROWS = 1024;
const SYNC_BYTES = 16;
/** Bytes read for the header at first. It is short except for its schema; if this is too little, more is read. */
const FIRST_HEADER = 1 << 16;
const MOST_HEADER = 16 << 20;
const MOST_BLOCK = 256 << 20;
/** The maximum size of the two varints before a block. */
const COUNTS_BYTES = 20;

type Codec = (block: Buffer) => Uint8Array | Promise<Uint8Array>;

const codecs: Readonly<Record<string, Codec>> = {
  null: (block) => block,
  deflate: (block) => inflateRawSync(block, { maxOutputLength: MOST_BLOCK }),
  zstandard: (block) => zstdDecompress(block),
  snappy: async (block) => {
    const content = await snappyContent(block.subarray(0, -4), MOST_BLOCK);
    if (crc32(content) !== block.readUInt32BE(block.length - 4)) throw new Error("checksum mismatch");
    return content;
  },
};

/** True for an Avro object container file. */
export const isAvro = (path: string): boolean => path.endsWith(".avro");

/**
 * Reads an Avro object container file as JSON lines, one per record, with one block in memory at a time.
 * @param offset bytes of these lines to skip
 * @param row number of lines in those bytes, if known: then only counts, sizes and sync markers of earlier blocks are
 *   read
 */
export async function openAvro(
  name: string,
  path: string,
  offset: number,
  row?: number,
  files: Files = nodeFiles,
): Promise<Reader> {
  return behindRows(await AvroReader.open(name, path, files), name, offset, row);
}

/** Position of a block's records, according to its count and size. */
interface Block {
  readonly records: number;
  readonly from: number;
  readonly end: number;
}

class AvroReader extends RowsReader {
  private readonly name: string;
  private readonly file: TableFile;
  private readonly write: (from: AvroBytes) => string;
  private readonly content: Codec;
  private readonly sync: Buffer;
  /** Position of the next block. */
  private next: number;
  private blocks = 0;
  private block = new AvroBytes(new Uint8Array(0));
  /** Records of the block that have not been read yet. */
  private left = 0;

  private constructor(name: string, file: TableFile) {
    super();
    this.name = name;
    this.file = file;
    const { metadata, sync, end } = headerOf(file);
    this.sync = sync;
    this.next = end;
    const codec = metadata.get("avro.codec") || "null";
    if (!Object.hasOwn(codecs, codec)) throw new Error(`unsupported codec ${codec}`);
    this.content = codecs[codec];
    this.write = avroToJson(parseAvro(metadata.get("avro.schema") ?? ""));
  }

  static open(name: string, path: string, files: Files): Promise<AvroReader> {
    const readerOf = (file: TableFile) => new AvroReader(name, file);
    const noAvro = (cause: unknown) => damaged(name, "cannot read the Avro header", cause);
    return TableFile.open(name, path, readerOf, noAvro, files);
  }

  get consumed(): number {
    return this.next;
  }

  close(): void {
    this.file.close();
  }

  protected nextLines(): Promise<string | null> {
    return this.reading(async () => {
      while (this.left === 0) {
        if (this.next >= this.file.size) return null;
        await this.openBlock(this.nextBlock());
      }
      return this.records(Math.min(ROWS, this.left));
    });
  }

  passRows(count: number): Promise<number> {
    return this.reading(async () => {
      let left = count;
      while (left > 0 && this.next < this.file.size) {
        const block = this.nextBlock();
        const passed = Math.min(left, block.records);
        left -= passed;
        if (passed === block.records) this.passBlock(block);
        else {
          await this.openBlock(block);
          this.records(passed);
        }
      }
      return count - left;
    });
  }

  protected unreadable(cause: unknown): HashbrookError {
    return damaged(this.name, `block ${this.blocks} cannot be read`, cause);
  }

  /** The next records of the current block, as lines. */
  private records(count: number): string {
    let lines = "";
    for (let i = 0; i < count; i++, this.left--) lines += `${this.write(this.block)}\n`;
    const rest = this.block.bytes.length - this.block.at;
    if (this.left === 0 && rest > 0) throw new Error(`${rest} bytes left after its last record`);
    return lines;
  }

  /** Reads a block's frame: a count of records, a size, that many bytes, and the file's sync marker. */
  private nextBlock(): Block {
    this.blocks++;
    const counts = new AvroBytes(this.file.bytes(this.next, COUNTS_BYTES));
    const records = counts.count(2 ** 31);
    const size = counts.count(MOST_BLOCK);
    const from = this.next + counts.at;
    const end = from + size;
    if (end + SYNC_BYTES > this.file.size) throw new Error("the file is truncated");
    return { records, from, end };
  }

  private async openBlock(block: Block): Promise<void> {
    const stored = this.file.bytes(block.from, block.end + SYNC_BYTES - block.from);
    this.passSync(block, stored.subarray(-SYNC_BYTES));
    this.block = new AvroBytes(await this.content(stored.subarray(0, -SYNC_BYTES)));
    this.left = block.records;
  }

  private passBlock(block: Block): void {
    this.passSync(block, this.file.bytes(block.end, SYNC_BYTES));
  }

  private passSync({ end }: Block, marker: Buffer): void {
    if (!marker.equals(this.sync)) throw new Error("sync marker does not match");
    this.next = end + SYNC_BYTES;
  }
}

interface Header {
  readonly metadata: ReadonlyMap<string, string>;
  readonly sync: Buffer;
  /** Position of the first block. */
  readonly end: number;
}

function headerOf(file: TableFile, size = FIRST_HEADER): Header {
  const header = new AvroBytes(file.bytes(0, size));
  try {
    if (header.take(4).toString("latin1") !== "Obj\x01") throw new Error("no Avro magic bytes (Obj, 1) at its start");
    const metadata = new Map<string, string>();
    header.items(() => void metadata.set(header.sized().toString(), header.sized().toString()));
    return { metadata, sync: header.take(SYNC_BYTES), end: header.at };
  } catch (cause) {
    const isCut = cause instanceof DamagedValues && size < Math.min(file.size, MOST_HEADER);
    if (isCut) return headerOf(file, 16 * size);
    throw cause;
  }
}

const damaged = (name: string, what: string, cause: unknown): HashbrookError =>
  rowsDamaged(name, what, Object.keys(codecs).join(", "), cause);
