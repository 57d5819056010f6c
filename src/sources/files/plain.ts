import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { HashbrookError } from "../../core/errors.js";
import { shrunk, systemFailure, tooShort } from "../failure.js";
import type { Reader } from "../reader.js";

/** Maximum size of one read call; the operating system accepts at most 2 GiB. */
const MAX_READ = 1 << 30;

/** An uncompressed file, read directly into the caller's memory. */
export class PlainReader implements Reader {
  private readonly name: string;
  private readonly file: number;
  /** Size when it was opened, in bytes; it may have grown since. */
  private readonly size: number;
  private at: number;

  constructor(name: string, path: string, offset: number) {
    this.name = name;
    this.at = offset;
    try {
      this.file = openSync(path, "r");
    } catch (cause) {
      throw systemFailure(name, cause);
    }
    this.size = fstatSync(this.file).size;
    if (this.size >= offset) return;
    closeSync(this.file);
    throw tooShort(name, offset, this.size);
  }

  read(target: Uint8Array): number {
    try {
      const count = readSync(this.file, target, 0, Math.min(target.length, MAX_READ), this.at);
      if (count === 0 && target.length > 0 && this.at < this.size) throw shrunk(this.name);
      this.at += count;
      return count;
    } catch (cause) {
      throw cause instanceof HashbrookError ? cause : systemFailure(this.name, cause);
    }
  }

  get consumed(): number {
    return this.at;
  }

  close(): void {
    closeSync(this.file);
  }
}
