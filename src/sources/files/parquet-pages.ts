import { crc32 } from "node:zlib";
import type { DataReader, FileMetaData, PageHeader } from "hyparquet";

/** Bytes of a file: those of a column's pages in a row group. */
export interface ColumnChunk {
  readonly start: number;
  readonly end: number;
}

/** Where the columns of a row group are. */
export function chunksOf({ row_groups }: FileMetaData, group: number): ColumnChunk[] {
  return row_groups[group].columns.flatMap(({ meta_data: meta }) => {
    if (!meta) return [];
    const start = Number(meta.dictionary_page_offset || meta.data_page_offset);
    return [{ start, end: start + Number(meta.total_compressed_size) }];
  });
}

/**
 * Compares the pages of a column chunk with their checksums, up to the first page that has none: a writer gives them
 * to all pages or to none.
 * @param readHeader reads a page's header and moves on to its content
 * @throws Error for a page that does not match
 */
export function checkPages(chunk: Uint8Array, readHeader: (reader: DataReader) => PageHeader): void {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  for (const reader = { view, offset: 0 }; reader.offset < chunk.length; ) {
    const { crc, compressed_page_size: size } = readHeader(reader);
    if (crc === undefined) return;
    const page = chunk.subarray(reader.offset, reader.offset + size);
    if (size < 0 || crc32(page) !== crc >>> 0) throw new Error("a page does not match its checksum");
    reader.offset += size;
  }
}
