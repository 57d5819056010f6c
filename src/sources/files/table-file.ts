import { type Files, nodeFiles, readFully } from "../../core/files.js";
import { shrunk, systemFailure } from "../failure.js";

/** A file with random access, for table formats. */
export class TableFile {
  readonly size: number;
  private readonly name: string;
  private readonly files: Files;
  private readonly file: number;

  private constructor(name: string, files: Files, file: number, size: number) {
    this.name = name;
    this.files = files;
    this.file = file;
    this.size = size;
  }

  /**
   * Opens a file and creates its reader; closes the file if that fails.
   * @param damaged makes the error in that case
   * @throws HashbrookError source_missing, source_unreadable
   */
  static async open<R>(
    name: string,
    path: string,
    readerOf: (file: TableFile) => R | Promise<R>,
    damaged: (cause: unknown) => Error,
    files = nodeFiles,
  ): Promise<R> {
    let file: number;
    try {
      file = files.open(path, "r");
    } catch (cause) {
      throw systemFailure(name, cause);
    }
    let size: number | undefined;
    try {
      size = files.stat(path)?.bytes ?? 0;
      return await readerOf(new TableFile(name, files, file, size));
    } catch (cause) {
      files.close(file);
      throw damaged(size === 0 ? new Error("the file is empty: 0 bytes") : cause);
    }
  }

  /**
   * Up to `size` bytes at position `from`; fewer at the end of the file.
   * @throws HashbrookError source_unreadable if it has become shorter
   */
  bytes(from: number, size: number): Buffer<ArrayBuffer> {
    const bytes = Buffer.alloc(Math.max(0, Math.min(size, this.size - from)));
    if (readFully(this.files, this.file, bytes, from) < bytes.length) throw shrunk(this.name);
    return bytes;
  }

  close(): void {
    this.files.close(this.file);
  }
}
