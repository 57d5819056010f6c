import { type Files, readFully, withFile } from "../core/files.js";
import { damaged } from "./failures.js";

/*
 * LMDB trusts a database's file: invalid meta pages, or references to pages beyond its end, would end the process.
 * Layout of a meta page: 24 bytes of header, u32 magic, u32 version, 16 bytes, two table descriptors of 48 bytes (the
 * first begins with the page size, u32), u64 last page, u64 transaction. The first two pages are meta pages; the one
 * with the later transaction is current.
 */
const MAGIC = 0xbeefc0de;
const META_BYTES = 160;
const MOST_PAGE_BYTES = 65_536;

interface Meta {
  readonly pageBytes: number;
  readonly lastPage: bigint;
  readonly transaction: bigint;
}

/**
 * Checks the meta pages and the length of a database's file. A missing file is accepted.
 * @throws HashbrookError row_store_damaged if a meta page is invalid, or the file is too short
 */
export function checkFile(path: string, files: Files): void {
  const bytes = files.stat(path)?.bytes;
  if (bytes === undefined) return;
  const metas = withFile(files, path, "r", (file) => {
    const read = (at: number) => {
      const page = new Uint8Array(META_BYTES);
      return readFully(files, file, page, at) === META_BYTES ? metaOf(page) : null;
    };
    const first = read(0);
    return [first, first && read(first.pageBytes)];
  });
  const [first, second] = metas;
  if (!first || !second) throw damaged(`${path}: does not begin with the header of a database`);
  const { lastPage, pageBytes } = second.transaction > first.transaction ? second : first;
  if (BigInt(bytes) < (lastPage + 1n) * BigInt(pageBytes)) throw damaged(`${path}: truncated at ${bytes} bytes`);
}

function metaOf(page: Uint8Array): Meta | null {
  const view = new DataView(page.buffer);
  const pageBytes = view.getUint32(48, true);
  const known = view.getUint32(24, true) === MAGIC && pageBytes >= 256 && pageBytes <= MOST_PAGE_BYTES;
  if (!known) return null;
  return { pageBytes, lastPage: view.getBigUint64(144, true), transaction: view.getBigUint64(152, true) };
}
