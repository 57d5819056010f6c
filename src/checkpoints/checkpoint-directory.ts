import { basename, join } from "node:path";
import type { TensorSpec } from "../core/blocks.js";
import { fromPlainError, HashbrookError, toPlainError } from "../core/errors.js";
import { errorCode, type Files, readFully, withFile } from "../core/files.js";
import { canonicalJson } from "../core/hash.js";
import { hintOf } from "../core/system-errors.js";
import { Checksum, checksumOf } from "./checksum.js";
import { CHUNK_BYTES, decodeManifest, type FileEntry, MANIFEST, type Manifest, manifestChecksum } from "./manifest.js";
import { readSafetensorsLayout, type TensorPlace } from "./safetensors.js";

/** A block's place in its file, with its checksums. */
export interface StoredBlock extends TensorPlace {
  readonly path: string;
  readonly chunks: readonly string[];
}

/** The longest manifest that is read, so that a hostile one cannot fill the memory. */
const MAX_MANIFEST_BYTES = 64 << 20;

const READ_BYTES = 1 << 20;

/** One checkpoint directory on disk, whose manifest and files' sizes and headers have been checked. */
export class CheckpointDirectory {
  readonly path: string;
  readonly manifest: Manifest;
  /** The manifest's checksum, by which an increment refers to its parent. */
  readonly checksum: string;
  /** Size of all files, the manifest included. */
  readonly bytes: number;
  private readonly files: Files;
  private readonly stored = new Map<string, StoredBlock>();

  /** @throws checkpoint_missing, checkpoint_damaged, checkpoint_mismatch (a newer format) */
  constructor(path: string, files: Files) {
    this.path = path;
    this.files = files;
    const encoded = readManifest(files, path);
    this.manifest = decodeManifest(encoded, join(path, MANIFEST));
    this.checksum = manifestChecksum(encoded);
    this.bytes = this.manifest.files.reduce((sum, file) => sum + file.bytes, encoded.byteLength);
    for (const entry of this.manifest.files) this.place(entry);
  }

  private place(entry: FileEntry): void {
    const path = join(this.path, entry.name);
    const size = reading(path, () => this.files.stat(path)?.bytes);
    if (size !== entry.bytes) throw damaged(path, `it has ${size ?? "no"} bytes, expected ${entry.bytes} (manifest)`);
    const layout = this.withFile(path, (file) => readSafetensorsLayout(this.files, file, entry.bytes, path));
    const chunks = new Map(entry.blocks.map((block) => [blockText(block), block.chunks]));
    for (const tensor of layout.tensors) {
      const known = chunks.get(blockText(tensor));
      if (!known) throw damaged(path, `its block ${tensor.name} differs from the manifest`);
      this.stored.set(tensor.name, { ...tensor, path, chunks: known });
    }
    if (layout.tensors.length !== entry.blocks.length) throw damaged(path, "blocks of the manifest are missing");
  }

  /** The tensors in its files. */
  get tensors(): readonly StoredBlock[] {
    return [...this.stored.values()];
  }

  find(name: string): StoredBlock | undefined {
    return this.stored.get(name);
  }

  /** Reads a whole tensor into `target`, which must have its size, and checks it. @throws checkpoint_damaged */
  readInto(block: StoredBlock, target: Uint8Array): void {
    this.readChunks(block, 0, block.bytes, (at) => target.subarray(at, at + CHUNK_BYTES));
  }

  /**
   * Reads bytes `from` (a multiple of 16 MiB) up to `end` (another, or the tensor's end) chunk by chunk, each into the
   * memory `into` gives for it, and checks each.
   * @throws checkpoint_damaged
   */
  readChunks(block: StoredBlock, from: number, end: number, into: (at: number) => Uint8Array): void {
    this.withFile(block.path, (file) => {
      for (let at = from; at < end; at += CHUNK_BYTES) {
        const chunk = into(at);
        const count = readFully(this.files, file, chunk, block.offset + at);
        if (count < chunk.byteLength || checksumOf(chunk) !== block.chunks[at / CHUNK_BYTES]) {
          throw damagedBlock(block, at, chunk.byteLength);
        }
      }
    });
  }

  /**
   * Reads every file and compares it with its checksum, holding little of it at a time.
   * @throws checkpoint_damaged naming the file, and the damaged block and bytes
   */
  verify(): void {
    for (const entry of this.manifest.files) {
      const path = join(this.path, entry.name);
      if (this.hashFile(path, entry.bytes) === entry.xxh64) continue;
      for (const block of entry.blocks) this.check(this.stored.get(block.name)!);
      throw damaged(path, "its header does not match its checksum");
    }
  }

  private check(block: StoredBlock): void {
    const buffer = new Uint8Array(Math.min(block.bytes, CHUNK_BYTES));
    this.readChunks(block, 0, block.bytes, (at) => buffer.subarray(0, block.bytes - at));
  }

  private hashFile(path: string, bytes: number): string {
    return this.withFile(path, (file) => {
      const hash = new Checksum();
      const buffer = new Uint8Array(Math.min(bytes, READ_BYTES));
      for (let at = 0; at < bytes; at += buffer.byteLength) {
        const count = readFully(this.files, file, buffer.subarray(0, bytes - at), at);
        hash.update(buffer.subarray(0, count));
      }
      return hash.digest();
    });
  }

  private withFile<T>(path: string, use: (file: number) => T): T {
    return reading(path, () => withFile(this.files, path, "r", use));
  }
}

/** Verifies directories, each only once, however many checkpoints build on it. */
export class Verification {
  private readonly outcomes = new Map<string, HashbrookError | null>();

  /** @throws as the directory's `verify` did the first time */
  of(directory: CheckpointDirectory): void {
    const known = `${directory.path} ${directory.checksum}`;
    if (!this.outcomes.has(known)) this.outcomes.set(known, this.look(directory));
    const outcome = this.outcomes.get(known);
    if (outcome) throw outcome;
  }

  private look(directory: CheckpointDirectory): HashbrookError | null {
    try {
      directory.verify();
      return null;
    } catch (error) {
      if (error instanceof HashbrookError) return error;
      throw error;
    }
  }
}

/** The checksum of a directory's manifest; undefined if none can be read. */
export function checksumAt(directory: string, files: Files): string | undefined {
  try {
    return manifestChecksum(readManifest(files, directory));
  } catch {
    return undefined;
  }
}

function readManifest(files: Files, directory: string): Uint8Array {
  const path = join(directory, MANIFEST);
  return reading(path, () => {
    const stat = files.stat(path);
    if (!stat) throw missing(directory);
    if (stat.bytes > MAX_MANIFEST_BYTES) throw damaged(path, `it has ${stat.bytes} bytes`);
    const data = new Uint8Array(stat.bytes);
    withFile(files, path, "r", (file) => readFully(files, file, data, 0));
    return data;
  });
}

/** What the system refuses to this process or user says nothing about the file. */
const REFUSED = new Set(["EMFILE", "ENFILE", "EACCES", "EPERM"]);

/**
 * Runs a read; a file system failure becomes "the checkpoint cannot be used", with the system's reason. Not a refusal:
 * an older checkpoint would be taken in its place.
 */
function reading<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined || error instanceof HashbrookError) throw error;
    if (REFUSED.has(code)) throw fromPlainError(toPlainError(error));
    throw new HashbrookError("checkpoint_damaged", `${path}: cannot be read: ${(error as Error).message}`, {
      hint: hintOf(error),
      cause: error,
    });
  }
}

/** Whether an error makes a checkpoint unusable, so that an older one is taken. */
export const isUnusable = (error: unknown): error is HashbrookError =>
  error instanceof HashbrookError && (error.code === "checkpoint_damaged" || error.code === "checkpoint_missing");

function blockText({ name, dtype, shape }: TensorSpec): string {
  return canonicalJson({ name, dtype, shape });
}

function damagedBlock(block: StoredBlock, at: number, bytes: number): HashbrookError {
  return damaged(block.path, `block ${block.name}: bytes ${at} to ${at + bytes - 1} do not match their checksum`);
}

/** The error for a checkpoint, or one of its files, whose content is invalid. */
export function damaged(path: string, reason: string): HashbrookError {
  return new HashbrookError("checkpoint_damaged", `${path}: damaged: ${reason}`);
}

function missing(path: string): HashbrookError {
  return new HashbrookError(
    "checkpoint_missing",
    `${basename(path)}: not a finished checkpoint: it has no ${MANIFEST} (${path})`,
    {
      hint: "name a directory written by `hashbrook train --out`",
    },
  );
}
