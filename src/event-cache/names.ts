import { join } from "node:path";

/** How `--data` names a cache. */
export const CACHE_PREFIX = "cache:";

export const isCacheName = (data: string): boolean => data.startsWith(CACHE_PREFIX);

/** A cache's files. */
export const eventsFile = (directory: string): string => join(directory, "events");
export const headsFile = (directory: string): string => join(directory, "heads");
export const manifestFile = (directory: string): string => join(directory, "cache.json");

/** The files of the cache that `cache:DIR` names. */
export function filesOfCache(data: string): string[] {
  const directory = data.slice(CACHE_PREFIX.length);
  return [eventsFile, headsFile, manifestFile].map((file) => file(directory));
}
