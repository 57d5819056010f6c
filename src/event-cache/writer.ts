import { HashbrookError } from "../core/errors.js";
import { type Files, isFull, nodeFiles, quietly, writeFile, writeFully } from "../core/files.js";
import { hex64 } from "../core/hash.js";
import { hintOf } from "../core/system-errors.js";
import type { RejectCode } from "../decode/decoder.js";
import { Xxh64, xxh64 } from "../kernels/hash.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { decodeIdentity } from "../spec/decode-identity.js";
import { CACHE_VERSION, type CachedFile, type CacheManifest, writeManifest } from "./manifest.js";
import { eventsFile, headsFile, manifestFile } from "./names.js";

/** A cache's size so far. */
export interface CacheSize {
  /** Events. */
  readonly rows: number;
  /** Malformed rows. */
  readonly rejected: number;
  /** Bytes of the blocks; for a finished cache, of all files. */
  readonly bytes: number;
}

/** A block, and its description for the manifest. */
export interface WrittenBlock {
  readonly bytes: Uint8Array;
  readonly file: number;
  readonly rows: number;
  /** Codes of the malformed rows. */
  readonly rejects: readonly RejectCode[];
  readonly offset: number;
  readonly row: number;
}

/** Writes an event cache's files. The manifest is written last, by `finish`: only then is it a cache. */
export class CacheWriter {
  readonly directory: string;
  private readonly files: Files;
  private readonly blocks: CacheManifest["blocks"] = [];
  private readonly heads: Uint8Array[] = [];
  private readonly given: CachedFile[] = [];
  private readonly codes = new Map<string, number>();
  private file: number | undefined;
  private rows = 0;
  private rejected = 0;
  private bytes = 0;

  /** @throws HashbrookError cache_write */
  constructor(directory: string, files: Files = nodeFiles) {
    this.directory = directory;
    this.files = files;
    this.attempt(() => {
      files.mkdir(directory);
      // From here on the files under these names are no longer a valid cache.
      files.remove(manifestFile(directory));
      files.syncDirectory(directory);
      this.file = files.open(eventsFile(directory), "w");
    });
  }

  get size(): CacheSize {
    const { rows, rejected, bytes } = this;
    return { rows, rejected, bytes };
  }

  add({ bytes, file, rows, rejects, offset, row }: WrittenBlock): void {
    this.attempt(() => writeFully(this.files, this.file!, bytes, this.bytes));
    this.blocks.push([file, rows, bytes.length, hex64(xxh64(bytes)), offset, row]);
    this.bytes += bytes.length;
    this.rows += rows;
    for (const code of rejects) this.codes.set(code, (this.codes.get(code) ?? 0) + 1);
    this.rejected += rejects.length;
  }

  /** Completes a file. @param head its first 64 KiB, deflated; `length` is their original size */
  endFile(file: Omit<CachedFile, "head">, head: Uint8Array, length: number): void {
    const at = this.heads.reduce((sum, { byteLength }) => sum + byteLength, 0);
    this.heads.push(head);
    this.given.push({ ...file, head: [at, head.byteLength, length] });
  }

  /** @returns bytes of all files */
  finish(spec: CompiledSpec, capacity: number, kept: readonly string[]): number {
    const { directory, files, blocks, rows, rejected } = this;
    const hash = new Xxh64();
    for (const head of this.heads) hash.update(head);
    const manifest = {
      format: "hashbrook-event-cache" as const,
      version: CACHE_VERSION as 2,
      made_for: spec.name,
      decode: decodeIdentity(spec),
      capacity,
      kept: [...kept],
      rows,
      rejected,
      rejected_by_code: Object.fromEntries(this.codes),
      files: this.given,
      blocks,
      heads: hex64(hash.digest()),
    };
    this.attempt(() => {
      files.fsync(this.file!);
      this.close();
      writeFile(files, headsFile(directory), Buffer.concat(this.heads));
      writeManifest(files, directory, manifest);
    });
    const sizes = [eventsFile, headsFile, manifestFile].map((name) => files.stat(name(directory))?.bytes ?? 0);
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  /** Removes everything of an unfinished cache. */
  discard(): void {
    quietly(() => this.close());
    for (const name of [manifestFile, eventsFile, headsFile]) quietly(() => this.files.remove(name(this.directory)));
  }

  private close(): void {
    const { file } = this;
    this.file = undefined;
    if (file !== undefined) this.files.close(file);
  }

  private attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      throw cacheWriteError(this.directory, error);
    }
  }
}

/** The error for a cache that could not be written. */
export function cacheWriteError(directory: string, cause: unknown): HashbrookError {
  if (cause instanceof HashbrookError) return cause;
  const hint = isFull(cause)
    ? "free some space, or name an --out directory on another disk"
    : (hintOf(cause) ?? "check that --out is a writable directory");
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new HashbrookError("cache_write", `${directory}: the cache could not be written: ${reason}`, { hint, cause });
}
