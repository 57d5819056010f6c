import { join } from "node:path";
import { type Block, bytesOf, type TensorSpec } from "../core/blocks.js";
import { HashbrookError } from "../core/errors.js";
import { type Files, nodeFiles, writeError } from "../core/files.js";
import { Checkpoint } from "./checkpoint.js";
import { type Steps, type StreamedBlock, streamed, toTheEnd } from "./data-file.js";
import { DirectoryWriter, type Written } from "./directory-writer.js";
import { lockLost } from "./lock.js";
import { MANIFEST, type Manifest, type ParentRef } from "./manifest.js";
import { checkpointName, FRESH } from "./names.js";
import { dataName, patchRowBytes, rowsName } from "./patch.js";
import { CheckpointStore, describe, type Saved } from "./store.js";

/** Copied rows of one block. */
export interface ChangedRows {
  /** The block's name. */
  readonly name: string;
  /** Numbers of the rows, ascending. */
  readonly rows: Uint32Array;
  /** Their bytes, concatenated. */
  readonly data: Uint8Array;
}

/**
 * The rows of one block that changed since the previous checkpoint, including all by which the block has grown; `shape`
 * is the whole block's current one.
 */
export interface Patch extends TensorSpec, ChangedRows {}

/** What an increment holds: plain data that crosses threads. */
export interface Increment {
  readonly examples: number;
  readonly meta: Manifest["meta"];
  /** Blocks that are stored completely. */
  readonly blocks: readonly Block[];
  readonly patches: readonly Patch[];
}

export interface ChainOptions {
  /** Number of checkpoints to keep; those they build on are kept as well. */
  readonly keep: number;
  /**
   * The checkpoint on which the first increment builds; null: it holds all rows that were ever changed, relative to
   * zeros.
   */
  readonly parent: ParentRef | null;
  /** The lock file that must exist while we write; null: no lock. */
  readonly lock: string | null;
  /** Compact a chain of more increments than this. Default 32. */
  readonly mostIncrements?: number;
  /** Compact once the increments' rows take more bytes than this and than half of their base. Default 64 MiB. */
  readonly leastBytes?: number;
}

const MOST_INCREMENTS = 32;
const LEAST_BYTES = 64 << 20;

/**
 * Writes a run's increments, prunes, and compacts: a long chain is merged into a full checkpoint at its newest
 * increment, which it replaces. Compaction proceeds in steps of 16 MiB, between which increments are saved; they may
 * build on the increment being replaced, since the compacted checkpoint also answers to its checksum.
 *
 * As with full checkpoints, a kill or a failure at any step leaves either the previous or the new state, complete.
 */
export class ChainWriter {
  private readonly directory: string;
  private readonly files: Files;
  private readonly options: ChainOptions;
  private readonly store: CheckpointStore;
  private readonly writer: DirectoryWriter;
  private head: ParentRef | null;
  private compaction: { readonly path: string; readonly steps: Steps<Saved> } | null = null;
  /** Removals in progress, by path. */
  private readonly removals = new Map<string, Steps<void>>();
  private swept = false;

  constructor(directory: string, options: ChainOptions, files: Files = nodeFiles) {
    this.directory = directory;
    this.files = files;
    this.options = options;
    this.head = options.parent;
    this.store = new CheckpointStore(directory, files);
    this.writer = new DirectoryWriter(directory, files, () => this.checkOwner());
  }

  /**
   * Saves an increment durably, prunes, and begins a compaction if one is due. An increment with as many examples as
   * the previous one (only other state has changed) is merged into it.
   * @throws checkpoint_write (what was saved before is unaffected), checkpoint_locked, checkpoint_damaged (found while
   *   merging)
   */
  save(increment: Increment): Saved {
    const path = this.pathOf(increment.examples);
    return this.writing(path, () => {
      this.checkOwner();
      this.files.mkdir(this.directory);
      this.sweep();
      const merge = this.head?.examples === increment.examples;
      if (merge) this.abandon();
      const written = toTheEnd(merge ? this.merged(path, increment) : this.added(path, increment));
      this.head = { examples: increment.examples, checksum: written.checksum };
      this.prune();
      this.compaction ??= this.dueCompaction();
      return { path, bytes: written.bytes };
    });
  }

  /**
   * Does one step of pending work: removing old checkpoints, or a due compaction.
   * @returns false when there is nothing (more) to do
   * @throws as `save`
   */
  step(): boolean {
    const { compaction } = this;
    const [removal] = this.removals;
    if (removal) {
      const [path, steps] = removal;
      this.writing(path, () => {
        if (steps.next().done) this.removals.delete(path);
      });
    } else if (compaction) {
      this.writing(compaction.path, () => {
        this.compaction = null;
        if (!compaction.steps.next().done) this.compaction = compaction;
        else this.prune();
      });
    }
    return this.compaction !== null || this.removals.size > 0;
  }

  /**
   * Starts removing obsolete checkpoints: manifests now, so that no reader takes them for damaged, the rest in steps.
   */
  private prune(): void {
    for (const path of this.store.superseded(this.options.keep, this.compaction?.path)) {
      if (this.removals.has(path)) continue;
      const steps = this.writer.discard(path);
      if (!steps.next().done) this.removals.set(path, steps);
    }
  }

  /** Aborts a compaction in progress and removes what it has written. */
  abandon(): void {
    const { compaction } = this;
    this.compaction = null;
    if (compaction) this.writing(compaction.path, () => void compaction.steps.return(undefined as never));
  }

  /** Handles replacements left by an earlier process, once. */
  private sweep(): void {
    if (!this.swept) this.store.finishReplacements();
    this.swept = true;
  }

  private *added(path: string, increment: Increment): Steps<Written> {
    const patches = increment.patches.map(({ name, dtype, shape }) => ({ name, dtype, shape }));
    const manifest = { ...describe(increment.examples, increment), patches, ...(this.head && { parent: this.head }) };
    const blocks = [...increment.blocks, ...increment.patches.flatMap(patchBlocks)].map(streamed);
    return yield* this.put(path, manifest, blocks);
  }

  /** A full checkpoint with the head's rows and the increment's other state. */
  private *merged(path: string, increment: Increment): Steps<Written> {
    if (increment.patches.some(({ rows }) => rows.length > 0)) {
      throw new HashbrookError("internal", `${path}: rows changed although no example was learned`);
    }
    const head = new Checkpoint(this.finishedPath(path), this.files);
    const rows = increment.patches.map(({ name }) => fromChain(head, name));
    return yield* this.put(path, describe(increment.examples, increment), [...increment.blocks.map(streamed), ...rows]);
  }

  private *put(path: string, manifest: Omit<Manifest, "files">, blocks: StreamedBlock[]): Steps<Written> {
    this.removals.delete(path);
    const taken = this.files.stat(join(path, MANIFEST)) !== undefined;
    const written = yield* this.writer.write(taken ? path + FRESH : path, manifest, blocks);
    if (taken) this.writer.promote(path + FRESH);
    return written;
  }

  private dueCompaction(): ChainWriter["compaction"] {
    const { mostIncrements = MOST_INCREMENTS, leastBytes = LEAST_BYTES } = this.options;
    const path = this.pathOf(this.head!.examples);
    const { chain } = new Checkpoint(path, this.files);
    const base = chain.at(-1)!;
    const patched = chain.slice(0, -1).reduce((sum, { manifest }) => sum + sizeOf(manifest), 0);
    if (chain.length - 1 <= mostIncrements && patched <= Math.max(leastBytes, base.bytes / 2)) return null;
    return { path: path + FRESH, steps: this.compacted(path) };
  }

  private *compacted(path: string): Steps<Saved> {
    const checkpoint = new Checkpoint(path, this.files);
    const { checksum, manifest } = checkpoint.chain[0];
    const blocks = checkpoint.blocks.map(({ name }) => fromChain(checkpoint, name));
    const full = { ...describe(manifest.examples, manifest), replaces: checksum };
    const written = yield* this.writer.write(path + FRESH, full, blocks);
    this.checkOwner();
    this.writer.promote(path + FRESH);
    return { path, bytes: written.bytes };
  }

  private pathOf(examples: number): string {
    return join(this.directory, checkpointName(examples));
  }

  /** The head's path: an interrupted replacement may still be beside it. */
  private finishedPath(path: string): string {
    return this.files.stat(join(path + FRESH, MANIFEST)) ? path + FRESH : path;
  }

  private checkOwner(): void {
    const { lock } = this.options;
    if (lock !== null && this.files.stat(lock) === undefined) throw lockLost(this.directory, this.files);
  }

  private writing<T>(path: string, write: () => T): T {
    try {
      return write();
    } catch (error) {
      throw writeError(path, error);
    }
  }
}

function patchBlocks({ name, dtype, shape, rows, data }: Patch): Block[] {
  const list = bytesOf(rows);
  return [
    { name: rowsName(name), dtype: "U32", shape: [rows.length], data: list },
    { name: dataName(name), dtype, shape: [rows.length, ...shape.slice(1)], data },
  ];
}

function fromChain(checkpoint: Checkpoint, name: string): StreamedBlock {
  const { dtype, shape } = checkpoint.blocks.find((block) => block.name === name)!;
  return { name, dtype, shape, pieces: () => checkpoint.open(name).pieces() };
}

/** Bytes of the rows in an increment, according to its manifest. */
function sizeOf({ files, patches }: Manifest): number {
  const sizes = new Map((patches ?? []).map((patch) => [rowsName(patch.name), patchRowBytes(patch) + 4]));
  const lists = files.flatMap(({ blocks }) => blocks).filter(({ name }) => sizes.has(name));
  return lists.reduce((sum, { name, shape }) => sum + shape[0] * sizes.get(name)!, 0);
}
