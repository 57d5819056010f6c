import { join } from "node:path";
import type { Block } from "../core/blocks.js";
import { type Files, nodeFiles } from "../core/files.js";
import { groupByFile, streamed, toTheEnd } from "./data-file.js";
import { writeDataFile } from "./directory-writer.js";
import type { FileEntry } from "./manifest.js";

/** Directories within a run's in which owners put files for a checkpoint. */
const SHARD_FILES = /^shards-\d+-\d+$/;

/** Writes the data files of some blocks of a checkpoint, durably, for the process that writes its manifest. */
export function writeShardFiles(
  run: string,
  directory: string,
  blocks: readonly Block[],
  files: Files = nodeFiles,
): FileEntry[] {
  if (!SHARD_FILES.test(directory)) throw new RangeError(`${directory}: not the name of a directory for shard files`);
  const path = join(run, directory);
  files.mkdir(path);
  const entries = groupByFile(blocks).map(([name, group]) =>
    toTheEnd(writeDataFile(files, join(path, name), name, group.map(streamed), "w")),
  );
  files.syncDirectory(path);
  return entries;
}

/** Removes the files of unfinished saves. */
export function removeShardFiles(run: string, files: Files = nodeFiles): void {
  for (const name of files.list(run)) if (SHARD_FILES.test(name)) files.remove(join(run, name));
}
