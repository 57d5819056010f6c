import { fstatSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { AsyncRecordBatchFileReader, AsyncRecordBatchStreamReader, Data, RecordBatch } from "apache-arrow";
import { HashbrookError } from "../../core/errors.js";
import { scaledNumber } from "../../core/fixed-point.js";
import { lz4Decompress } from "../../core/lz4.js";
import { zstdDecompress } from "../../core/zstd.js";
import { shrunk, systemFailure } from "../failure.js";
import type { Reader } from "../reader.js";
import { MetadataCheck } from "./arrow-metadata.js";
import { jsonOf, textOf } from "./json-lines.js";
import { behindRows, RowsReader, rowsDamaged } from "./rows-reader.js";

/** Rows converted to lines at a time. */
const PIECE_ROWS = 1024;

type BatchReader = AsyncRecordBatchFileReader | AsyncRecordBatchStreamReader;

/** Whether a path is read as Arrow IPC (file or streaming format), as a JSON object per row. */
export const isArrow = (path: string): boolean => /\.(?:arrow|arrows|feather)$/.test(path);

/**
 * Reads an Arrow IPC file or stream as JSON lines, one per row, with one record batch in memory at a time. The lines
 * equal those of a Parquet file with the same rows.
 * @param offset bytes of these lines to skip
 * @param row number of lines in those bytes, if known
 */
export async function openArrow(name: string, path: string, offset: number, row?: number): Promise<Reader> {
  return behindRows(await ArrowReader.open(name, path), name, offset, row);
}

/** The library, if it is installed, with the codecs it lacks registered. */
async function library() {
  const arrow = await import("apache-arrow").catch((cause) => {
    throw new HashbrookError(
      "runtime_unavailable",
      "Arrow files need the package apache-arrow, which cannot be loaded",
      {
        hint: "npm install apache-arrow, or write the rows as Parquet or JSON lines",
        cause,
      },
    );
  });
  const { compressionRegistry, CompressionType } = arrow;
  compressionRegistry.set(CompressionType.LZ4_FRAME, { decode: (bytes) => aligned(lz4Decompress(Buffer.from(bytes))) });
  compressionRegistry.set(CompressionType.ZSTD, { decode: (bytes) => aligned(zstdDecompress(bytes)) });
  return arrow;
}

type Library = Awaited<ReturnType<typeof library>>;

/** A copy in aligned memory: columns are views of it. */
const aligned = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);

class ArrowReader extends RowsReader {
  private readonly name: string;
  private readonly file: FileHandle;
  private readonly size: number;
  private readonly reader: BatchReader;
  private readonly arrow: Library;
  /** Number of rows, known only in the file format. */
  private readonly total: number | undefined;
  private batch: RecordBatch | null = null;
  private before = 0;
  private row = 0;
  private ended = false;

  private constructor(name: string, file: FileHandle, reader: BatchReader, arrow: Library) {
    super();
    this.arrow = arrow;
    this.name = name;
    this.file = file;
    this.size = fstatSync(file.fd).size;
    this.reader = reader;
    this.total = reader.isFile() ? (reader as AsyncRecordBatchFileReader).numRecordBatches : undefined;
  }

  static async open(name: string, path: string): Promise<ArrowReader> {
    const arrow = await library();
    const file = await open(path).catch((cause) => {
      throw systemFailure(name, cause);
    });
    try {
      await checkEnds(file);
      const reader: BatchReader = await arrow.RecordBatchReader.from(guarded(name, file));
      await reader.open();
      if (!reader.schema) throw new Error("no schema found");
      return new ArrowReader(name, file, reader, arrow);
    } catch (cause) {
      await file.close();
      throw damaged(name, "not an Arrow IPC file", cause);
    }
  }

  /** The file's bytes, estimated from the share of batches read; for a stream known only at its end. */
  get consumed(): number {
    if (this.ended) return this.size;
    const share = this.row / (this.batch?.numRows || 1);
    return this.total ? Math.floor((this.size * (this.before + share)) / this.total) : 0;
  }

  close(): void {
    void this.file.close().catch(() => undefined);
  }

  protected nextLines(): Promise<string | null> {
    return this.reading(async () => {
      if (!this.batch) await this.nextBatch();
      if (!this.batch) return null;
      const from = this.row;
      const end = Math.min(this.row + PIECE_ROWS, this.batch.numRows);
      const lines = linesOf(this.batch, from, end);
      this.pass(this.batch, end);
      return lines;
    });
  }

  passRows(count: number): Promise<number> {
    return this.reading(async () => {
      let left = count;
      while (left > 0) {
        await this.nextBatch();
        if (!this.batch) break;
        const rows = Math.min(left, this.batch.numRows);
        this.pass(this.batch, rows);
        left -= rows;
      }
      return count - left;
    });
  }

  protected unreadable(cause: unknown): HashbrookError {
    return damaged(this.name, `record batch ${this.before + 1} cannot be read`, cause);
  }

  /**
   * Continues at a row of the current batch, or with the next batch if that was the last one.
   * @param row index of the next row in the batch
   */
  private pass({ numRows }: RecordBatch, row: number): void {
    this.row = row;
    if (row < numRows) return;
    this.batch = null;
    this.before++;
    this.row = 0;
  }

  private async nextBatch(): Promise<void> {
    const batch = await (this.total === undefined ? this.nextOfStream() : this.nextOfFile(this.total));
    batch?.data.children.forEach(checkLength);
    batch?.data.children.forEach(shortIndices);
    for (const column of batch?.data.children ?? []) textsAsBytes(column, this.arrow);
    this.ended = batch === null;
    this.batch = batch;
  }

  private async nextOfStream(): Promise<RecordBatch | null> {
    const { done, value } = await (this.reader as AsyncRecordBatchStreamReader).next();
    return done ? null : value;
  }

  /** By its number: the library's iterator does not end at a message that is no record batch. */
  private async nextOfFile(total: number): Promise<RecordBatch | null> {
    if (this.before === total) return null;
    const batch = await (this.reader as AsyncRecordBatchFileReader).readRecordBatch(this.before);
    if (batch === null) throw new Error("no record batch is where the footer says");
    return batch;
  }
}

const MAGIC = "ARROW1";

/** Checks that what begins as the file format also ends so: the library takes any last bytes for a footer. */
async function checkEnds(file: FileHandle): Promise<void> {
  const { size } = await file.stat();
  const at = async (position: number) =>
    (await file.read(Buffer.alloc(MAGIC.length), 0, MAGIC.length, position)).buffer.toString("latin1");
  const head = await at(0);
  if (head.startsWith("FEA1")) throw new Error("the file is Feather version 1");
  if (head === MAGIC && (await at(Math.max(0, size - MAGIC.length))) !== MAGIC)
    throw new Error("the footer at its end is missing: the file was cut short, or its writer did not close it");
}

/** Makes a file's reads fail at its end, since the library repeats those that return nothing; checks its metadata. */
function guarded(name: string, file: FileHandle): FileHandle {
  const check = new MetadataCheck();
  const read = async (bytes: Uint8Array, offset: number, length: number, position: number) => {
    const result = await file.read(bytes, offset, length, position);
    if (result.bytesRead === 0 && length > 0) throw shrunk(name);
    check.read(bytes.subarray(offset, offset + result.bytesRead), position);
    return result;
  };
  return { fd: file.fd, stat: () => file.stat(), read, close: () => file.close() } as unknown as FileHandle;
}

/** Checks that a column has its rows: the library takes a damaged number of rows, and fills up columns with nulls. */
function checkLength({ length, values, valueOffsets }: Data): void {
  if ((valueOffsets?.length ?? 8 * (values?.byteLength ?? length)) < length)
    throw new Error(`a column is shorter than ${length} rows`);
}

/** Converts a dictionary's indices of 64 bits, which the library does not look up, to 32, here and in all children. */
function shortIndices(data: Data): void {
  const { values, dictionary } = data;
  if (dictionary && (values instanceof BigInt64Array || values instanceof BigUint64Array))
    Object.assign(data, { values: Int32Array.from(values, Number) });
  for (const child of data.children) shortIndices(child);
}

/** Declares texts as the bytes they are, here and in all children: the library drops a U+FEFF that one begins with. */
function textsAsBytes(data: Data, arrow: Library): void {
  const { Binary, DataType, LargeBinary, Vector } = arrow;
  const again = (part: Data) => textsAsBytes(part, arrow);
  if (DataType.isUtf8(data.type)) Object.assign(data, { type: new Binary() });
  else if (DataType.isLargeUtf8(data.type)) Object.assign(data, { type: new LargeBinary() });
  else if (data.dictionary) {
    data.dictionary.data.forEach(again);
    Object.assign(data, { dictionary: new Vector(data.dictionary.data).memoize() });
  }
  data.children.forEach(again);
}

/** Rows of a batch as JSON lines, without members that are null. */
function linesOf(batch: RecordBatch, from: number, end: number): string {
  const columns = batch.schema.fields.map(({ name, type }, i) => ({
    name: `${JSON.stringify(name)}:`,
    type: type as ArrowType,
    column: batch.getChildAt(i)!,
  }));
  let lines = "";
  for (let row = from; row < end; row++) {
    const members: string[] = [];
    for (const { name, type, column } of columns) {
      const value: unknown = column.get(row);
      if (value !== null && value !== undefined) members.push(name + jsonOf(plain(value, type)));
    }
    lines += `{${members.join(",")}}\n`;
  }
  return lines;
}

/** What tells an Arrow type apart, without the optional package: decimals, dictionaries, maps, and types that contain others. */
interface ArrowType {
  readonly scale?: number;
  readonly dictionary?: ArrowType;
  readonly keysSorted?: boolean;
  readonly children?: readonly { readonly name: string; readonly type: ArrowType }[] | null;
}

/** Lists as arrays, structs and maps as objects, decimals as numbers. */
function plain(value: unknown, type: ArrowType | undefined): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (type?.dictionary) return plain(value, type.dictionary);
  if (value instanceof Uint32Array && type?.scale !== undefined) return decimalOf(value, type.scale);
  if (ArrayBuffer.isView(value)) return value;
  // A struct or map: a proxy that says of nothing but its members that it has them.
  if (!(Symbol.iterator in value)) return plainMembers(value as Members, type);
  const [items] = type?.children ?? [];
  return [...(value as Iterable<unknown>)].map((item) => plain(item, items?.type));
}

/** A struct's or map's names and values. As an object, it has methods in place of members of the same name. */
type Members = Iterable<readonly [name: unknown, value: unknown]>;

const nameOf = (name: unknown): string => (name instanceof Uint8Array ? textOf(name) : String(name));

function plainMembers(value: Members, type: ArrowType | undefined): object {
  const fields = type?.children ?? [];
  const values = type?.keysSorted === undefined ? undefined : fields[0]?.type.children?.[1].type;
  const typeOf = (name: unknown) => values ?? fields.find((field) => field.name === name)?.type;
  return Object.fromEntries([...value].map(([name, member]) => [nameOf(name), plain(member, typeOf(name))]));
}

/** A decimal as a number; whole ones keep all their digits. @param words of a two's complement, the lowest first */
function decimalOf(words: Uint32Array, scale: number): bigint | number {
  const bits = words.reduceRight((high, word) => (high << 32n) | BigInt(word), 0n);
  const unscaled = BigInt.asIntN(32 * words.length, bits);
  return scaledNumber(unscaled, scale);
}

const damaged = (name: string, what: string, cause: unknown): HashbrookError =>
  rowsDamaged(name, what, "lz4, zstd, none", cause);
