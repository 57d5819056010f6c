import { createReadStream, statSync } from "node:fs";
import type { Transform } from "node:stream";
import * as zlib from "node:zlib";
import { HashbrookError } from "../../core/errors.js";
import { systemFailure } from "../failure.js";
import { behind, ChunkReader, type Reader } from "../reader.js";

const COMPRESSED_CHUNK = 1 << 18;
const CONTENT_CHUNK = 1 << 18;

type Decompressor = Transform & { readonly bytesWritten: number };
type ZstdOptions = { chunkSize?: number };
const createZstdDecompress = (zlib as unknown as { createZstdDecompress?: (options: ZstdOptions) => Decompressor })
  .createZstdDecompress;

/** True if this version of Node can read .zst files (22.15 and later, 23.8 and later). */
export const zstdAvailable = createZstdDecompress !== undefined;

/** How each compressed form is recognised and decompressed. */
const decompressors: Record<string, (name: string) => Decompressor> = {
  ".gz": () => zlib.createGunzip({ chunkSize: CONTENT_CHUNK }),
  ".zst": (name) => {
    if (createZstdDecompress) return createZstdDecompress({ chunkSize: CONTENT_CHUNK });
    throw new HashbrookError("source_unreadable", `${name}: Node ${process.versions.node} cannot read .zst files`, {
      hint: "use Node 22.15 or later, or decompress it: zstd -dc FILE.zst | npx hashbrook train --data - ...",
    });
  },
};

/** The extension that identifies a file's compression, or undefined for an uncompressed file. */
export function compression(path: string): string | undefined {
  return Object.keys(decompressors).find((extension) => path.endsWith(extension));
}

/**
 * A .gz or .zst file, decompressed in chunks. Decompression pauses while nothing is read, so memory is a few chunks.
 * Several gzip members or zstd frames in a row are one content, as for `zcat`.
 */
class CompressedReader implements Reader {
  private readonly name: string;
  private readonly path: string;
  private readonly size: number;
  private content = 0;
  private before = 0;
  private current: Decompressor;
  private chunks: ChunkReader;

  constructor(name: string, path: string) {
    this.name = name;
    this.path = path;
    this.size = statSync(path).size;
    this.current = this.decompress();
    this.chunks = new ChunkReader(this.current);
  }

  private decompress(): Decompressor {
    const decompressor = decompressors[compression(this.path)!](this.name);
    const file = createReadStream(this.path, { start: this.before, highWaterMark: COMPRESSED_CHUNK });
    file.on("error", (error) => decompressor.destroy(error));
    decompressor.on("close", () => file.destroy());
    file.pipe(decompressor);
    return decompressor;
  }

  async read(target: Uint8Array): Promise<number> {
    try {
      for (;;) {
        const count = await this.chunks.read(target);
        this.content += count;
        if (count > 0 || !this.nextFrame()) return count;
      }
    } catch (cause) {
      throw this.failure(cause);
    }
  }

  /** Node's zstd stops after one frame: starts the next one, if there is any. Its gunzip continues by itself. */
  private nextFrame(): boolean {
    if (compression(this.path) !== ".zst" || this.consumed >= this.size) return false;
    this.before = this.consumed;
    this.current = this.decompress();
    this.chunks = new ChunkReader(this.current);
    return true;
  }

  private failure(cause: unknown): HashbrookError {
    const { code = "", message } = cause as NodeJS.ErrnoException;
    if (!/^(Z_|ZSTD_)/.test(code)) return systemFailure(this.name, cause);
    const truncated = code === "Z_BUF_ERROR";
    const where = `after ${this.content} decompressed bytes, at or after byte ${this.consumed} of ${this.size}`;
    const text = truncated ? "the compressed file is truncated" : `the compressed file is damaged (${message})`;
    return new HashbrookError("source_unreadable", `${this.name}: ${text}, ${where}`, {
      hint: "fetch or compress the file again",
      cause,
    });
  }

  get consumed(): number {
    return this.before + this.current.bytesWritten;
  }

  close(): void {
    this.chunks.close();
  }
}

/** Opens a compressed file at byte `offset` of its content, by decompressing and discarding what comes before. */
export async function openCompressed(name: string, path: string, offset: number): Promise<Reader> {
  return behind(new CompressedReader(name, path), name, offset);
}
