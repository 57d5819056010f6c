import { join } from "node:path";
import { HashbrookError } from "../core/errors.js";
import { nodeFiles } from "../core/files.js";

/** How `--data` names a cache. */
export const CACHE_PREFIX = "cache:";

export const isCacheName = (data: string): boolean => data.startsWith(CACHE_PREFIX);

/** A cache's files. */
export const eventsFile = (directory: string): string => join(directory, "events");
export const headsFile = (directory: string): string => join(directory, "heads");
export const manifestFile = (directory: string): string => join(directory, "cache.json");

/** The files of the cache that `cache:DIR` names. @throws HashbrookError cache_missing */
export function filesOfCache(data: string): string[] {
  const directory = data.slice(CACHE_PREFIX.length);
  refuseMissing(directory);
  return [eventsFile, headsFile, manifestFile].map((file) => file(directory));
}

/** @throws HashbrookError cache_missing if the directory holds no complete cache */
export function refuseMissing(directory: string): void {
  if (nodeFiles.stat(manifestFile(directory))) return;
  const there = nodeFiles.stat(directory)?.directory;
  const what = there ? "not an event cache: it has no cache.json" : "no such directory";
  throw new HashbrookError("cache_missing", `${directory}: ${what}`, {
    hint: "make it: hashbrook cache --model SPEC --data FILES --out DIR (an interrupted one must be made again)",
  });
}
