import { HashbrookError } from "../core/errors.js";
import type { Input, Reader } from "../sources/reader.js";
import { Unread } from "../sources/unread.js";
import { EventCache } from "./cache.js";
import { CACHE_PREFIX, isCacheName } from "./names.js";
import { rowFrom } from "./row-from.js";

/** A file that a cache was made from; to a checkpoint it is the file itself. */
export interface CachedInput extends Input {
  readonly cache: EventCache;
  /** Its number among the cache's files. */
  readonly index: number;
  readonly content: number;
}

export const isCached = (input: Input): input is CachedInput => "cache" in input;

/**
 * The inputs for `cache:DIR` arguments; null if the data are not caches.
 * @throws HashbrookError usage if caches and other data are mixed; cache_missing, cache_damaged, cache_mismatch
 */
export function cachedInputs(data: readonly string[]): CachedInput[] | null {
  const caches = data.filter(isCacheName);
  if (caches.length === 0) return null;
  const other = data.find((spec) => !isCacheName(spec));
  if (other !== undefined)
    throw new HashbrookError("usage", `${caches[0]} and ${other}: a cache can only be combined with other caches`, {
      hint: `make a cache of all files: hashbrook cache --data FILES --out DIR; or train from one after the other, with --resume`,
    });
  return caches.flatMap((spec) => inputsOfCache(new EventCache(spec.slice(CACHE_PREFIX.length))));
}

/** The files of a cache, in order. */
export function inputsOfCache(cache: EventCache): CachedInput[] {
  return cache.manifest.files.map(({ name, id, stored, modified, repeatable, offset }, index) => ({
    name,
    id,
    bytes: stored,
    ...(modified === null ? {} : { modified }),
    content: offset,
    repeatable,
    extent: offset,
    cache,
    index,
    open: async (from) => new HeadReader(cache, index, from),
    rowFrom: (byte) => rowFrom(cache, index, byte),
  }));
}

const NEWLINE = 10;

/** The beginning of a file's content. After it only the ends of rows matter, so it returns newlines. */
class HeadReader implements Reader {
  readonly consumed = 0;
  private readonly rest: Unread;

  constructor(cache: EventCache, index: number, offset: number) {
    const { offset: end } = cache.manifest.files[index];
    const newlines = () => new Uint8Array(Math.max(0, Math.min(2, end - offset))).fill(NEWLINE);
    this.rest = new Unread(offset === 0 ? cache.head(index) : newlines());
  }

  read(target: Uint8Array): number {
    return this.rest.read(target);
  }

  close(): void {}
}
