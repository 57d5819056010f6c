import { basename, join } from "node:path";
import { HashbrookError } from "../core/errors.js";
import { errorCode, type Files, readFully, withFile } from "../core/files.js";
import { Xxh64, xxh64 } from "./hash.js";
import {
  CHUNK_BYTES,
  canonicalJson,
  decodeManifest,
  type FileEntry,
  type JsonValue,
  MANIFEST,
  type Manifest,
} from "./manifest.js";
import { type Dtype, readSafetensorsLayout, type TensorPlace, type TensorSpec } from "./safetensors.js";

/** A named array. Names are paths: "table/ids/rows", "dense/W0", "metrics/auc". */
export interface Block extends TensorSpec {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** The elements, row-major, little-endian: as many bytes as dtype and shape ask for. */
  readonly data: Uint8Array;
}

export interface CheckpointContent {
  /** JSON that goes into the manifest: compiled spec, `spec_hash`, positions, counters. Numbers must be finite. */
  readonly meta: { readonly [key: string]: JsonValue };
  readonly blocks: readonly Block[];
}

/** A block in its file, with its checksums. */
interface StoredBlock extends TensorPlace {
  readonly path: string;
  readonly chunks: readonly string[];
}

/** The longest manifest read, so that a hostile one cannot fill the memory. */
const MAX_MANIFEST_BYTES = 64 << 20;

const READ_BYTES = 1 << 20;

/**
 * One checkpoint directory, opened: its manifest has been checked, its files have the right sizes and headers. Every
 * read of a block checks that block's checksums; `verify` checks all.
 */
export class Checkpoint {
  readonly path: string;
  readonly examples: number;
  readonly specHash: string | null;
  readonly meta: { readonly [key: string]: JsonValue };
  /** Size of all files, the manifest included. */
  readonly bytes: number;
  private readonly files: Files;
  private readonly manifest: Manifest;
  private readonly stored = new Map<string, StoredBlock>();

  /** @throws checkpoint_missing, checkpoint_damaged, checkpoint_mismatch (a newer format) */
  constructor(path: string, files: Files) {
    this.path = path;
    this.files = files;
    const encoded = readManifest(files, path);
    this.manifest = decodeManifest(encoded, join(path, MANIFEST));
    this.examples = this.manifest.examples;
    this.specHash = this.manifest.spec_hash;
    this.meta = this.manifest.meta;
    this.bytes = this.manifest.files.reduce((sum, file) => sum + file.bytes, encoded.byteLength);
    for (const entry of this.manifest.files) this.place(entry);
  }

  private place(entry: FileEntry): void {
    const path = join(this.path, entry.name);
    const size = reading(path, () => this.files.stat(path)?.bytes);
    if (size !== entry.bytes) throw damaged(path, `it has ${size ?? "no"} bytes, the manifest says ${entry.bytes}`);
    const layout = this.withFile(path, (file) => readSafetensorsLayout(this.files, file, entry.bytes, path));
    const chunks = new Map(entry.blocks.map((block) => [blockText(block), block.chunks]));
    for (const tensor of layout.tensors) {
      const known = chunks.get(blockText(tensor));
      if (!known) throw damaged(path, `its block ${tensor.name} is not the manifest's`);
      this.stored.set(tensor.name, { ...tensor, path, chunks: known });
    }
    if (layout.tensors.length !== entry.blocks.length) throw damaged(path, "it lacks blocks the manifest names");
  }

  /** Names, dtypes and shapes of all blocks, sorted by name. */
  get blocks(): readonly TensorSpec[] {
    const specs = [...this.stored.values()].map(({ name, dtype, shape }) => ({ name, dtype, shape }));
    return specs.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  has(name: string): boolean {
    return this.stored.has(name);
  }

  /**
   * Reads one block into memory of its own.
   * @throws checkpoint_mismatch when there is none of that name; checkpoint_damaged
   */
  read(name: string): Block {
    const { dtype, shape, bytes } = this.find(name);
    const data = new Uint8Array(bytes);
    this.readInto(name, data);
    return { name, dtype, shape, data };
  }

  /**
   * Reads one block into `target` (say, a table's memory), which must have the block's size; on damage its content is undefined.
   * @throws as `read`; checkpoint_mismatch when the sizes differ
   */
  readInto(name: string, target: Uint8Array): void {
    const block = this.find(name);
    if (target.byteLength !== block.bytes) {
      const message = `${this.path}: block ${name} has ${block.bytes} bytes where the model needs ${target.byteLength}`;
      throw new HashbrookError("checkpoint_mismatch", message);
    }
    this.readChunks(block, (at) => target.subarray(at, at + CHUNK_BYTES));
  }

  /** Reads a block chunk by chunk, each into the memory `into` gives for it, and checks each. */
  private readChunks(block: StoredBlock, into: (at: number) => Uint8Array): void {
    this.withFile(block.path, (file) => {
      for (let at = 0; at < block.bytes; at += CHUNK_BYTES) {
        const chunk = into(at);
        const count = readFully(this.files, file, chunk, block.offset + at);
        if (count < chunk.byteLength || xxh64(chunk) !== block.chunks[at / CHUNK_BYTES]) {
          throw damagedBlock(block, at, chunk.byteLength);
        }
      }
    });
  }

  /** All of it, in memory. */
  content(): CheckpointContent {
    return { meta: this.meta, blocks: this.blocks.map(({ name }) => this.read(name)) };
  }

  /**
   * Reads every file and compares it with its checksum, holding little of it at a time.
   * @throws checkpoint_damaged naming the file, and the block and bytes where the damage lies
   */
  verify(): void {
    for (const entry of this.manifest.files) {
      const path = join(this.path, entry.name);
      if (this.hashFile(path, entry.bytes) === entry.xxh64) continue;
      for (const block of entry.blocks) this.check(this.find(block.name));
      throw damaged(path, "its header differs from its checksum");
    }
  }

  private check(block: StoredBlock): void {
    const buffer = new Uint8Array(Math.min(block.bytes, CHUNK_BYTES));
    this.readChunks(block, (at) => buffer.subarray(0, block.bytes - at));
  }

  private hashFile(path: string, bytes: number): string {
    return this.withFile(path, (file) => {
      const hash = new Xxh64();
      const buffer = new Uint8Array(Math.min(bytes, READ_BYTES));
      for (let at = 0; at < bytes; at += buffer.byteLength) {
        const count = readFully(this.files, file, buffer.subarray(0, bytes - at), at);
        hash.update(buffer.subarray(0, count));
      }
      return hash.digest();
    });
  }

  private find(name: string): StoredBlock {
    const block = this.stored.get(name);
    if (!block) throw new HashbrookError("checkpoint_mismatch", `${this.path}: has no block ${name}`);
    return block;
  }

  private withFile<T>(path: string, use: (file: number) => T): T {
    return reading(path, () => withFile(this.files, path, "r", use));
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

/** Runs a read; a failure of the file system means that the checkpoint cannot be used, with the system's reason. */
function reading<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (errorCode(error) === undefined || error instanceof HashbrookError) throw error;
    throw new HashbrookError("checkpoint_damaged", `${path}: cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function blockText({ name, dtype, shape }: TensorSpec): string {
  return canonicalJson({ name, dtype, shape });
}

function damagedBlock(block: StoredBlock, at: number, bytes: number): HashbrookError {
  return damaged(block.path, `block ${block.name}: bytes ${at} to ${at + bytes - 1} of it differ from their checksum`);
}

function damaged(path: string, reason: string): HashbrookError {
  return new HashbrookError("checkpoint_damaged", `${path}: damaged: ${reason}`);
}

function missing(path: string): HashbrookError {
  return new HashbrookError(
    "checkpoint_missing",
    `${basename(path)}: not a finished checkpoint: it has no ${MANIFEST} (${path})`,
    {
      hint: "Name a directory that `hashbrook train --out` has written.",
    },
  );
}
