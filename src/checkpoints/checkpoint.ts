import { basename, dirname, join } from "node:path";
import type { Block, TensorSpec } from "../core/blocks.js";
import { HashbrookError } from "../core/errors.js";
import type { Files } from "../core/files.js";
import { CheckpointDirectory, damaged, Verification } from "./checkpoint-directory.js";
import { CHUNK_BYTES, type FileEntry, type JsonValue, MANIFEST, type ParentRef } from "./manifest.js";
import { checkpointName, FRESH } from "./names.js";
import { ChainBlock, dataName, rowsName } from "./patch.js";

/** Data files written by other processes. */
export interface GivenFiles {
  /** Their directory, durable and on the checkpoints' file system: they are moved from there. */
  readonly directory: string;
  readonly entries: readonly FileEntry[];
}

export interface CheckpointContent {
  /** JSON that goes into the manifest: compiled spec, `spec_hash`, positions, counters. Numbers must be finite. */
  readonly meta: { readonly [key: string]: JsonValue };
  readonly blocks: readonly Block[];
  /** Files with further blocks. Default: none. */
  readonly given?: GivenFiles;
}

/**
 * An open checkpoint: a full one, or an increment with the checkpoints it builds on. Both read the same: an increment's
 * blocks are those of its base, overlaid with the changed rows of every increment since. Manifests, file sizes and
 * headers have been checked. Every read of a block verifies that block's checksums; `verify` verifies all.
 */
export class Checkpoint {
  readonly path: string;
  readonly examples: number;
  readonly specHash: string | null;
  readonly meta: { readonly [key: string]: JsonValue };
  /** Size of all files, manifests included; for an increment, those of everything it builds on are included. */
  readonly bytes: number;
  /** Its directories, the newest first; a full checkpoint has one. */
  readonly chain: readonly CheckpointDirectory[];
  private readonly specs = new Map<string, TensorSpec>();

  /**
   * @throws checkpoint_missing, checkpoint_damaged (also if an increment's parent is missing or a different one),
   * checkpoint_mismatch (a newer format)
   */
  constructor(path: string, files: Files) {
    this.chain = openChain(path, files);
    const { manifest, tensors } = this.chain[0];
    this.path = path;
    this.examples = manifest.examples;
    this.specHash = manifest.spec_hash;
    this.meta = manifest.meta;
    this.bytes = this.chain.reduce((sum, { bytes }) => sum + bytes, 0);
    const patches = manifest.patches ?? [];
    const parts = new Set(patches.flatMap(({ name }) => [rowsName(name), dataName(name)]));
    for (const spec of [...tensors.filter(({ name }) => !parts.has(name)), ...patches]) this.specs.set(spec.name, spec);
  }

  /** Names, dtypes and shapes of all blocks, sorted by name. */
  get blocks(): readonly TensorSpec[] {
    const specs = [...this.specs.values()].map(({ name, dtype, shape }) => ({ name, dtype, shape }));
    return specs.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Paths of all its files. */
  get files(): readonly string[] {
    return this.chain.flatMap(({ path, manifest }) =>
      [MANIFEST, ...manifest.files.map(({ name }) => name)].map((name) => join(path, name)),
    );
  }

  /** Bytes of the blocks of tables, which a trained model holds in memory in the same format. */
  get tableBytes(): number {
    const ofTables = this.blocks.filter(({ name }) => name.startsWith("table/"));
    return ofTables.reduce((sum, { name }) => sum + this.open(name).bytes, 0);
  }

  has(name: string): boolean {
    return this.specs.has(name);
  }

  /**
   * Reads one block into new memory.
   * @throws checkpoint_mismatch when there is none of that name; checkpoint_damaged
   */
  read(name: string): Block {
    const block = this.open(name);
    const data = new Uint8Array(block.bytes);
    fillAll(block, data);
    return { name, dtype: block.dtype, shape: block.shape, data };
  }

  /**
   * Reads one block into `target` (say, a table's memory), which must have the block's size; on damage its content is
   * undefined.
   * @throws as `read`; checkpoint_mismatch when the sizes differ
   */
  readInto(name: string, target: Uint8Array): void {
    const block = this.open(name);
    if (target.byteLength !== block.bytes) {
      const message = `${this.path}: block ${name} has ${block.bytes} bytes, the model expects ${target.byteLength}`;
      throw new HashbrookError("checkpoint_mismatch", message);
    }
    fillAll(block, target);
  }

  /**
   * A block for one pass over it, in pieces.
   * @throws as `read`
   */
  open(name: string): ChainBlock {
    const spec = this.specs.get(name);
    if (!spec) throw new HashbrookError("checkpoint_mismatch", `${this.path}: has no block ${name}`);
    return new ChainBlock(this.chain, spec);
  }

  /** Its complete content, in memory. */
  content(): CheckpointContent {
    return { meta: this.meta, blocks: this.blocks.map(({ name }) => this.read(name)) };
  }

  /**
   * Reads every file and compares it with its checksum, with bounded memory.
   * @param verification directories it has verified for other checkpoints are not read again
   * @throws checkpoint_damaged naming the file, and the damaged block and bytes
   */
  verify(verification = new Verification()): void {
    for (const directory of this.chain) verification.of(directory);
    for (const { name } of this.chain[0].manifest.patches ?? []) this.open(name);
  }
}

function fillAll(block: ChainBlock, target: Uint8Array): void {
  for (let at = 0; at < block.bytes; at += CHUNK_BYTES) block.fill(target.subarray(at, at + CHUNK_BYTES), at);
}

function openChain(path: string, files: Files): CheckpointDirectory[] {
  const chain = [new CheckpointDirectory(path, files)];
  for (;;) {
    const { manifest, path: child } = chain.at(-1)!;
    if (!manifest.parent) return chain;
    const parent = openParent(child, manifest.parent, files);
    if (parent.manifest.examples >= manifest.examples || parent.manifest.spec_hash !== manifest.spec_hash) {
      throw damaged(child, `${basename(parent.path)} cannot be its parent: it has a different spec or is not older`);
    }
    chain.push(parent);
  }
}

/** The checkpoint an increment builds on, which may be in the process of being replaced by its compacted form. */
function openParent(child: string, { examples, checksum }: ParentRef, files: Files): CheckpointDirectory {
  const path = join(dirname(child), checkpointName(examples));
  const reasons: string[] = [];
  for (const candidate of [path + FRESH, path]) {
    if (!files.stat(join(candidate, MANIFEST))) continue;
    try {
      const parent = new CheckpointDirectory(candidate, files);
      if (parent.checksum === checksum || parent.manifest.replaces === checksum) return parent;
      reasons.push(`${basename(candidate)} is a different checkpoint`);
    } catch (error) {
      if (!(error instanceof HashbrookError) || error.code === "checkpoint_mismatch") throw error;
      reasons.push(error.message);
    }
  }
  throw damaged(child, `its parent ${basename(path)} (${checksum}): ${reasons.join("; ") || "it is missing"}`);
}
