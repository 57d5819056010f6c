import { brotliDecompressSync, gunzipSync } from "node:zlib";
import type { AsyncBuffer, ColumnData, Compressors, FileMetaData, ParquetParsers } from "hyparquet";
import type { HashbrookError } from "../../core/errors.js";
import { twosComplement } from "../../core/fixed-point.js";
import { lz4DecompressBlock } from "../../core/lz4.js";
import { zstdDecompress } from "../../core/zstd.js";
import type { Reader } from "../reader.js";
import { lineOf, textOf, WrittenJson } from "./json-lines.js";
import { checkPages, chunksOf } from "./parquet-pages.js";
import { keepValues } from "./parquet-values.js";
import { behindRows, RowsReader, rowsDamaged } from "./rows-reader.js";
import { TableFile } from "./table-file.js";

/** Rows decoded by the first read: enough for a fingerprint or for the first rows of a file. */
const FIRST_ROWS = 1024;

/** Rows converted at a time: the lines of a whole row group would exceed the longest string. */
const PIECE_ROWS = 128;

/** Codecs that hyparquet does not include; it decompresses snappy itself. */
const compressors: Compressors = {
  GZIP: (bytes) => gunzipSync(bytes),
  BROTLI: (bytes) => brotliDecompressSync(bytes),
  ZSTD: (bytes) => zstdDecompress(bytes),
  LZ4_RAW: lz4DecompressBlock,
};

/** Converts times to numbers, in milliseconds since 1970, and bytes to texts, as in events. */
const parsers = {
  timestampFromMilliseconds: (time: bigint) => Number(time),
  timestampFromMicroseconds: (time: bigint) => Number(time) / 1e3,
  timestampFromNanoseconds: (time: bigint) => Number(time / 1000n) / 1e3,
  dateFromDays: (days: number) => days * 86_400_000,
  stringFromBytes: (bytes: Uint8Array | undefined) => bytes && textOf(bytes),
  jsonFromBytes: (bytes: Uint8Array | undefined) => bytes && new WrittenJson(textOf(bytes)),
  geometryFromBytes: (bytes: Uint8Array | undefined) => bytes && twosComplement(bytes),
};

/**
 * Decompresses a raw snappy block, for formats that hyparquet does not read (Avro). Its first varint is the
 * decompressed size.
 * @param most maximum size accepted, in bytes
 * @throws Error for a damaged block or a larger size
 */
export async function snappyContent(bytes: Uint8Array, most: number): Promise<Uint8Array> {
  const { snappyUncompress } = await import("hyparquet");
  let size = 0;
  for (let i = 0; i < 5; i++) {
    size += (bytes[i] & 127) * 128 ** i;
    if (bytes[i] < 128) break;
  }
  if (!(size <= most)) throw new Error(`decompressed size ${size} exceeds ${most} bytes`);
  const content = new Uint8Array(size);
  if (size > 0) snappyUncompress(bytes, content);
  return content;
}

/** True for a Parquet file. */
export const isParquet = (path: string): boolean => path.endsWith(".parquet");

/**
 * Reads a Parquet file as JSON lines, one per row, with one row group in memory at a time. Null values are left out,
 * lists are arrays, structs are objects, 64-bit integers keep all their digits, and times are in milliseconds since
 * 1970.
 * @param offset bytes of these lines to skip
 * @param row number of lines in those bytes, if known: then earlier row groups are not read
 * @throws HashbrookError source_missing, source_unreadable, source_changed
 */
export async function openParquet(name: string, path: string, offset: number, row?: number): Promise<Reader> {
  return behindRows(await ParquetReader.open(name, path), name, offset, row);
}

/**
 * Reads a Parquet file's rows as objects, with one row group in memory at a time. Null values are null or undefined.
 * @throws HashbrookError source_missing, source_unreadable
 */
export async function* parquetObjects(name: string, path: string): AsyncGenerator<readonly Record<string, unknown>[]> {
  const jsonFromBytes = (bytes: Uint8Array | undefined) => bytes && JSON.parse(textOf(bytes));
  const reader = await ParquetReader.open(name, path, { ...parsers, jsonFromBytes });
  try {
    for (let rows = await reader.nextObjects(); rows !== null; rows = await reader.nextObjects())
      if (rows.length > 0) yield rows;
  } finally {
    reader.close();
  }
}

class ParquetReader extends RowsReader {
  private readonly name: string;
  private readonly file: TableFile;
  private readonly metadata: FileMetaData;
  private readonly converts: Converts;
  private readonly parsers: Partial<ParquetParsers>;
  private group = 0;
  private rows = 0;
  /** Number of rows in all row groups up to and including the current one. */
  private groupEnd: number;
  /** Columns of the next rows, of which some were returned already; null: the next rows are not decoded yet. */
  private columns: DecodedColumns | null = null;

  private constructor(
    name: string,
    file: TableFile,
    { metadata, converts }: { readonly metadata: FileMetaData; readonly converts: Converts },
    given: Partial<ParquetParsers>,
  ) {
    super();
    this.converts = converts;
    this.parsers = given;
    this.name = name;
    this.file = file;
    this.metadata = metadata;
    this.groupEnd = rowsOf(metadata, 0);
  }

  static async open(name: string, path: string, given: Partial<ParquetParsers> = parsers): Promise<ParquetReader> {
    const { parquetMetadataAsync, parquetSchema } = await import("hyparquet");
    const { isListLike: isList, isMapLike: isMap } = await import("hyparquet/src/schema.js");
    const readerOf = async (file: TableFile) => {
      if (file.bytes(file.size - 4, 4).toString("latin1") === "PARE") throw new Error("the file is encrypted");
      const metadata = await parquetMetadataAsync(bufferOf(file), { parsers });
      // The footer is plain if only columns are encrypted.
      if (metadata.row_groups.some(({ columns }) => columns.some((column) => column.crypto_metadata)))
        throw new Error("columns of the file are encrypted");
      const converts = keepValues(metadata, parquetSchema(metadata), { isMap, isList });
      return new ParquetReader(name, file, { metadata, converts }, given);
    };
    return TableFile.open(name, path, readerOf, (cause) => damaged(name, "cannot read the Parquet footer", cause));
  }

  /** Consumed bytes, estimated as the file's size times the share of its rows that were read. */
  get consumed(): number {
    const rows = Number(this.metadata.num_rows);
    return rows === 0 ? this.file.size : Math.floor((this.file.size * this.rows) / rows);
  }

  close(): void {
    this.file.close();
  }

  async passRows(count: number): Promise<number> {
    for (; this.group < this.metadata.row_groups.length; this.nextGroup()) {
      this.rows = Math.min(count, this.groupEnd);
      if (this.groupEnd > count) break;
    }
    return this.rows;
  }

  private nextGroup(): void {
    this.group++;
    this.groupEnd += rowsOf(this.metadata, this.group);
  }

  protected async nextLines(): Promise<string | null> {
    return (await this.nextObjects())?.map(lineOf).join("") ?? null;
  }

  /** The next PIECE_ROWS rows or fewer, all of the same row group; null at the end. */
  async nextObjects(): Promise<Record<string, unknown>[] | null> {
    if (this.group === this.metadata.row_groups.length) return null;
    this.columns ??= await this.reading(() => this.decoded());
    const end = Math.min(this.rows + PIECE_ROWS, this.columns.end);
    const objects = this.columns.objects(this.rows, end);
    this.rows = end;
    if (end === this.columns.end) this.columns = null;
    if (end === this.groupEnd) this.nextGroup();
    return objects;
  }

  /** Decodes the first FIRST_ROWS rows of the file, or the rest of the current row group. */
  private async decoded(): Promise<DecodedColumns> {
    const { parquetRead, parquetSchema } = await import("hyparquet");
    const { rows, groupEnd, metadata, parsers } = this;
    const file = await this.checkedGroup();
    const end = rows === 0 ? Math.min(FIRST_ROWS, groupEnd) : groupEnd;
    const names = parquetSchema(metadata).children.map(({ element }) => element.name);
    const columns = new DecodedColumns(names, end, this.converts);
    const onChunk = (values: ColumnData) => columns.add(values);
    await parquetRead({ file, metadata, compressors, parsers, rowStart: rows, rowEnd: end, onChunk });
    return columns;
  }

  /** The file, whose pages of the current row group are compared with their checksums when they are read. */
  private async checkedGroup(): Promise<AsyncBuffer> {
    const { parquetHeader } = await import("hyparquet/src/column.js");
    const unchecked = new Set(chunksOf(this.metadata, this.group));
    return bufferOf(this.file, (bytes, from) => {
      for (const chunk of unchecked) {
        if (chunk.start < from || chunk.end > from + bytes.length) continue;
        checkPages(bytes.subarray(chunk.start - from, chunk.end - from), parquetHeader);
        unchecked.delete(chunk);
      }
    });
  }

  protected unreadable(cause: unknown): HashbrookError {
    const { name, group, metadata } = this;
    return damaged(name, `row group ${group + 1} of ${metadata.row_groups.length} cannot be read`, cause);
  }
}

/** What makes the value that was meant of what hyparquet returns, by column. */
type Converts = ReadonlyMap<string, (value: unknown) => unknown>;

const asIs = (value: unknown): unknown => value;

/** Decoded values of consecutive rows, by column. */
class DecodedColumns {
  readonly end: number;
  private readonly parts: Map<string, ColumnData[]>;
  private readonly converts: Converts;

  /**
   * @param names of all columns, in the file's order
   * @param end number of the file's rows up to and including the last of these
   */
  constructor(names: readonly string[], end: number, converts: Converts) {
    this.end = end;
    this.converts = converts;
    this.parts = new Map(names.map((name) => [name, []]));
  }

  add(values: ColumnData): void {
    this.parts.get(values.columnName)?.push(values);
  }

  objects(from: number, end: number): Record<string, unknown>[] {
    // In an ordinary object, a column named __proto__ would be lost.
    const none = this.parts.has("__proto__") ? null : Object.prototype;
    const rows = Array.from({ length: end - from }, (): Record<string, unknown> => Object.create(none));
    for (const [name, parts] of this.parts) {
      const convert = this.converts.get(name) ?? asIs;
      for (const { rowStart, rowEnd, columnData } of parts)
        for (let row = Math.max(from, rowStart); row < Math.min(end, rowEnd); row++)
          rows[row - from][name] = convert(columnData[row - rowStart]);
    }
    return rows;
  }
}

function rowsOf({ row_groups }: FileMetaData, group: number): number {
  return Number(row_groups[group]?.num_rows ?? 0);
}

/** @param check is given everything that is read, with its position */
function bufferOf(file: TableFile, check: (bytes: Uint8Array, from: number) => void = () => {}): AsyncBuffer {
  const byteLength = file.size;
  const slice = (start: number, end = byteLength) => {
    const bytes = file.bytes(start, end - start);
    check(bytes, start);
    return bytes.buffer;
  };
  return { byteLength, slice };
}

const damaged = (name: string, what: string, cause: unknown): HashbrookError =>
  rowsDamaged(name, what, "snappy, gzip, zstd, brotli, lz4 (raw), none", cause);
