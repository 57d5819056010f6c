import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import type { AsyncBuffer, Compressors, FileMetaData } from "hyparquet";
import { HashbrookError } from "../../core/errors.js";
import { zstdDecompress } from "../../core/zstd.js";
import { systemFailure, tooShort } from "../failure.js";
import { type Reader, skip } from "../reader.js";
import { lineOf } from "./json-lines.js";

/** Rows that are decoded first: who wants to know a file again, or its first rows, asks for no more. */
const FIRST_ROWS = 1024;

/** What hyparquet has not built in (it reads plain and snappy pages). */
const compressors: Compressors = {
  GZIP: (bytes) => gunzipSync(bytes),
  BROTLI: (bytes) => brotliDecompressSync(bytes),
  ZSTD: (bytes) => zstdDecompress(bytes),
};

/** Times as numbers: milliseconds since 1970, as events have them. */
const parsers = {
  timestampFromMilliseconds: (time: bigint) => Number(time),
  timestampFromMicroseconds: (time: bigint) => Number(time) / 1e3,
  timestampFromNanoseconds: (time: bigint) => Number(time / 1000n) / 1e3,
  dateFromDays: (days: number) => days * 86_400_000,
};

/** True for a Parquet file. */
export const isParquet = (path: string): boolean => path.endsWith(".parquet");

/**
 * A Parquet file as the JSON lines of its rows, one row group in memory at a time: null values are left out, lists are arrays,
 * structs objects, integers of 64 bits all their digits, times milliseconds since 1970.
 * @param offset bytes of these lines to begin behind
 */
export async function openParquet(name: string, path: string, offset: number): Promise<Reader> {
  const reader = await ParquetReader.open(name, path);
  const skipped = await skip(reader, offset);
  if (skipped === offset) return reader;
  reader.close();
  throw tooShort(name, offset, skipped);
}

class ParquetReader implements Reader {
  private readonly name: string;
  private readonly file: number;
  private readonly size: number;
  private readonly buffer: AsyncBuffer;
  private readonly metadata: FileMetaData;
  private group = 0;
  private rows = 0;
  /** Rows before the end of the row group at hand. */
  private groupEnd: number;
  /** Lines of what was decoded last that were not read yet. */
  private lines: Uint8Array = new Uint8Array(0);

  private constructor(name: string, file: number, buffer: AsyncBuffer, metadata: FileMetaData) {
    this.name = name;
    this.file = file;
    this.size = buffer.byteLength;
    this.buffer = buffer;
    this.metadata = metadata;
    this.groupEnd = rowsOf(metadata, 0);
  }

  static async open(name: string, path: string): Promise<ParquetReader> {
    const { parquetMetadataAsync } = await import("hyparquet");
    let file: number;
    try {
      file = openSync(path, "r");
    } catch (cause) {
      throw systemFailure(name, cause);
    }
    try {
      const buffer = bufferOf(file);
      return new ParquetReader(name, file, buffer, await parquetMetadataAsync(buffer, { parsers }));
    } catch (cause) {
      closeSync(file);
      throw damaged(name, "its end is not that of a Parquet file", cause);
    }
  }

  async read(target: Uint8Array): Promise<number> {
    while (this.lines.length === 0 && this.group < this.metadata.row_groups.length) await this.nextRows();
    const count = Math.min(target.length, this.lines.length);
    target.set(this.lines.subarray(0, count));
    this.lines = this.lines.subarray(count);
    return count;
  }

  /** The file's bytes by the share of its rows. */
  get consumed(): number {
    const rows = Number(this.metadata.num_rows);
    return rows === 0 ? this.size : Math.floor((this.size * this.rows) / rows);
  }

  close(): void {
    closeSync(this.file);
  }

  /** Decodes the file's first rows, then the rest of their row group, then a row group at a time. */
  private async nextRows(): Promise<void> {
    const { parquetReadObjects } = await import("hyparquet");
    const { name, group, rows, groupEnd, buffer: file, metadata } = this;
    const end = rows === 0 ? Math.min(FIRST_ROWS, groupEnd) : groupEnd;
    const range = { rowStart: rows, rowEnd: end };
    const objects = await parquetReadObjects({ file, metadata, compressors, parsers, ...range }).catch((cause) => {
      throw damaged(name, `row group ${group + 1} of ${metadata.row_groups.length} cannot be read`, cause);
    });
    this.lines = new TextEncoder().encode(objects.map(lineOf).join(""));
    this.rows = end;
    if (end < groupEnd) return;
    this.group++;
    this.groupEnd += rowsOf(metadata, this.group);
  }
}

function rowsOf({ row_groups }: FileMetaData, group: number): number {
  return Number(row_groups[group]?.num_rows ?? 0);
}

function bufferOf(file: number): AsyncBuffer {
  const byteLength = fstatSync(file).size;
  const slice = (start: number, end = byteLength) => {
    const bytes = new Uint8Array(end - start);
    for (let at = 0, count = -1; at < bytes.length && count !== 0; at += count)
      count = readSync(file, bytes, at, bytes.length - at, start + at);
    return bytes.buffer;
  };
  return { byteLength, slice };
}

function damaged(name: string, what: string, cause: unknown): HashbrookError {
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  return new HashbrookError("source_unreadable", `${name}: ${what}${why}`, {
    hint: "is it whole, and compressed by snappy, gzip, zstd or brotli? write it again, or convert it to JSON lines",
    cause,
  });
}
