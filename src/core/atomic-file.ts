import { dirname } from "node:path";
import { type Files, quietly, writeFully } from "./files.js";
import { keepTemporary, removeTemporary, temporaryFor } from "./temporary.js";

/**
 * A file that is written under a hidden temporary name in the same directory, another one for each writer. Call `finish`,
 * then `publish`, then sync its directory.
 */
export class AtomicFile {
  readonly path: string;
  private readonly files: Files;
  private readonly temporary: string;
  private file: number | undefined;
  private published = false;

  constructor(files: Files, path: string) {
    this.files = files;
    this.path = path;
    this.temporary = temporaryFor(path, files);
    this.file = files.open(this.temporary, "wx");
  }

  /** @returns the position after the last byte */
  write(data: Uint8Array, position: number): number {
    return writeFully(this.files, this.file!, data, position);
  }

  finish(): void {
    this.files.fsync(this.file!);
    this.close();
  }

  publish(): void {
    this.files.rename(this.temporary, this.path);
    keepTemporary(this.temporary);
    this.published = true;
  }

  /** Removes a file that was not published. */
  discard(): void {
    if (this.published) return;
    quietly(() => this.close());
    removeTemporary(this.temporary, this.files);
  }

  private close(): void {
    const file = this.file;
    this.file = undefined;
    if (file !== undefined) this.files.close(file);
  }
}

/**
 * Writes a whole file atomically: at every instant its name stands for either the previous content or all of `data`.
 */
export function writeFileAtomically(files: Files, path: string, data: Uint8Array): void {
  const output = new AtomicFile(files, path);
  try {
    output.write(data, 0);
    output.finish();
    output.publish();
    files.syncDirectory(dirname(path));
  } finally {
    output.discard();
  }
}
