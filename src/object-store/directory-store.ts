import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { writeFileAtomically } from "../core/atomic-file.js";
import { type Files, nodeFiles, readFully, withFile } from "../core/files.js";
import { sweepTemporaries, tryFolder } from "../core/temporary.js";
import { storeWriteError } from "./errors.js";
import type { ObjectStore, ReadOptions, StoredObject, WriteOptions } from "./object-store.js";

/** What the names of incomplete objects end with. */
const TEMPORARY = ".tmp";

/**
 * Objects as files below a directory, which a web server may serve. A write's condition is checked before the write,
 * not atomically with it: there must be one writer at a time, which a run's lock ensures.
 */
export class DirectoryStore implements ObjectStore {
  readonly url: string;
  private readonly directory: string;
  private readonly files: Files;

  constructor(directory: string, files: Files = nodeFiles) {
    this.url = `objects:${directory}`;
    this.directory = directory;
    this.files = files;
  }

  async read(key: string, { known }: ReadOptions = {}): Promise<StoredObject | "known" | null> {
    const found = this.found(key);
    return found && found.tag === known ? "known" : found;
  }

  async write(key: string, bytes: Uint8Array, { only }: WriteOptions): Promise<string | null> {
    const { files } = this;
    const path = join(this.directory, key);
    try {
      if (only && this.found(key)?.tag !== (only === "absent" ? undefined : only.tag)) return null;
      files.mkdir(dirname(path));
      sweepTemporaries(dirname(path), files);
      writeFileAtomically(files, path, bytes);
    } catch (error) {
      throw storeWriteError(path, error);
    }
    return tagOf(bytes);
  }

  tryToWrite(): void {
    tryFolder(this.directory, storeWriteError, this.files);
  }

  async list(): Promise<string[]> {
    return this.below("");
  }

  async remove(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.files.remove(join(this.directory, key));
    for (const name of this.files.list(this.directory)) {
      const path = join(this.directory, name);
      if (this.files.stat(path)?.directory && this.files.list(path).length === 0) this.files.remove(path);
    }
  }

  private found(key: string): StoredObject | null {
    const path = join(this.directory, key);
    const stat = this.files.stat(path);
    if (!stat || stat.directory) return null;
    const bytes = new Uint8Array(stat.bytes);
    withFile(this.files, path, "r", (file) => readFully(this.files, file, bytes, 0));
    return { bytes, tag: tagOf(bytes) };
  }

  private below(prefix: string): string[] {
    return this.files.list(join(this.directory, prefix)).flatMap((name) => {
      const key = prefix + name;
      if (this.files.stat(join(this.directory, key))?.directory) return this.below(`${key}/`);
      return name.endsWith(TEMPORARY) ? [] : [key];
    });
  }
}

const tagOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
