import { join } from "node:path";
import { type Files, quietly, withFile, writeFile, writeFully } from "../core/files.js";
import type { GivenFiles } from "./checkpoint.js";
import { groupByFile, type Steps, type StreamedBlock, streamFileSteps } from "./data-file.js";
import { encodeManifest, type FileEntry, MANIFEST, type Manifest, manifestChecksum } from "./manifest.js";
import { FRESH } from "./names.js";

export interface Written {
  /** Size of all files. */
  readonly bytes: number;
  /** The manifest's checksum. */
  readonly checksum: string;
}

/** A large file is synced at this interval while it is written, so that no single sync delays an increment. */
const SYNC_BYTES = 16 << 20;

/** Writes, replaces and removes checkpoint directories in the order that stays consistent if killed at any step. */
export class DirectoryWriter {
  private readonly directory: string;
  private readonly files: Files;
  private readonly checkOwner: () => void;

  /** @param checkOwner throws if the directory has another writer now */
  constructor(directory: string, files: Files, checkOwner: () => void) {
    this.directory = directory;
    this.files = files;
    this.checkOwner = checkOwner;
  }

  /**
   * Writes a checkpoint's directory; the manifest is renamed into place when all else is on disk. If it fails or is
   * abandoned (`return()`), what was written is removed.
   * @param given files to move into it
   */
  *write(
    path: string,
    head: Omit<Manifest, "files">,
    blocks: readonly StreamedBlock[],
    given?: GivenFiles,
  ): Steps<Written> {
    let finished = false;
    try {
      this.files.remove(path);
      this.files.mkdir(path);
      const own: FileEntry[] = [];
      for (const [name, group] of groupByFile(blocks))
        own.push(yield* writeDataFile(this.files, join(path, name), name, group));
      for (const { name } of given?.entries ?? []) this.files.rename(join(given!.directory, name), join(path, name));
      const entries = withGiven(own, given);
      const manifest = encodeManifest({ ...head, files: entries });
      this.files.syncDirectory(path);
      this.commit(path, manifest);
      finished = true;
      return written(entries, manifest);
    } finally {
      if (!finished) this.withdraw(path);
    }
  }

  /** Renames a finished replacement over what it replaces. */
  promote(fresh: string): void {
    const path = fresh.slice(0, -FRESH.length);
    this.remove(path);
    this.files.rename(fresh, path);
    this.files.syncDirectory(this.directory);
  }

  /** Removes the manifest first, so that an interrupted removal is not taken for a damaged checkpoint. */
  remove(path: string): void {
    this.files.remove(join(path, MANIFEST));
    this.files.remove(path);
  }

  /** `remove` in steps, since a file system may take long to free a large file at once. */
  *discard(path: string): Steps<void> {
    this.files.remove(join(path, MANIFEST));
    for (const name of this.files.list(path)) {
      const file = join(path, name);
      let bytes = this.files.stat(file)?.bytes ?? 0;
      while (bytes > SYNC_BYTES) {
        bytes -= SYNC_BYTES;
        const left = bytes;
        withFile(this.files, file, "r+", (handle) => this.files.truncate(handle, left));
        yield;
      }
    }
    this.files.remove(path);
  }

  private commit(path: string, manifest: Uint8Array): void {
    const temporary = join(path, `${MANIFEST}.tmp`);
    writeFile(this.files, temporary, manifest);
    this.checkOwner();
    this.files.rename(temporary, join(path, MANIFEST));
    this.files.syncDirectory(path);
    this.files.syncDirectory(this.directory);
  }

  /** After a takeover the directory may belong to the other writer, so it is left alone. */
  private withdraw(path: string): void {
    this.checkOwner();
    quietly(() => this.remove(path));
  }
}

export function written(entries: readonly FileEntry[], manifest: Uint8Array): Written {
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes, manifest.byteLength);
  return { bytes, checksum: manifestChecksum(manifest) };
}

/** All files of a checkpoint, sorted by name. */
export const withGiven = (own: readonly FileEntry[], given?: GivenFiles): FileEntry[] =>
  [...own, ...(given?.entries ?? [])].sort((a, b) => (a.name < b.name ? -1 : 1));

/** Writes a data file of a checkpoint, durably. @param flags as for `fs.open` @returns its manifest entry */
export function* writeDataFile(
  files: Files,
  path: string,
  name: string,
  blocks: readonly StreamedBlock[],
  flags: "wx" | "w" = "wx",
): Steps<FileEntry> {
  const file = files.open(path, flags);
  try {
    let position = 0;
    let synced = 0;
    const entry = yield* streamFileSteps(name, blocks, (slice) => {
      position = writeFully(files, file, slice, position);
      if (position - synced < SYNC_BYTES) return;
      files.fsync(file);
      synced = position;
    });
    files.fsync(file);
    return entry;
  } finally {
    files.close(file);
  }
}
