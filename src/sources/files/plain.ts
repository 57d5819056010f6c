import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { systemFailure, tooShort } from "../failure.js";
import type { Reader } from "../reader.js";

/** Maximum size of one read call; the operating system accepts at most 2 GiB. */
const MAX_READ = 1 << 30;

/** An uncompressed file, read directly into the caller's memory. */
export class PlainReader implements Reader {
  readonly #name: string;
  readonly #file: number;
  #at: number;

  constructor(name: string, path: string, offset: number) {
    this.#name = name;
    this.#at = offset;
    try {
      this.#file = openSync(path, "r");
    } catch (cause) {
      throw systemFailure(name, cause);
    }
    const { size } = fstatSync(this.#file);
    if (size >= offset) return;
    closeSync(this.#file);
    throw tooShort(name, offset, size);
  }

  read(target: Uint8Array): number {
    try {
      const count = readSync(this.#file, target, 0, Math.min(target.length, MAX_READ), this.#at);
      this.#at += count;
      return count;
    } catch (cause) {
      throw systemFailure(this.#name, cause);
    }
  }

  get consumed(): number {
    return this.#at;
  }

  close(): void {
    closeSync(this.#file);
  }
}
