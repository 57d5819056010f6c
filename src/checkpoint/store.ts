import { join } from "node:path";
import { HashbrookError } from "../core/errors.js";
import {
  type Files,
  nodeFiles,
  quietly,
  readFully,
  withFile,
  writeError,
  writeFile,
  writeFully,
} from "../core/files.js";
import { type Block, Checkpoint, type CheckpointContent } from "./checkpoint.js";
import { groupByFile, streamFile } from "./data-file.js";
import { type Processes, systemProcesses, WriterLock } from "./lock.js";
import { encodeManifest, type FileEntry, MANIFEST } from "./manifest.js";

/** A checkpoint that could not be used, and why. */
export interface Skipped {
  readonly path: string;
  readonly reason: string;
}

export interface Saved {
  readonly path: string;
  /** Size of all its files. */
  readonly bytes: number;
}

/** A replacement of a checkpoint with as many examples: complete under this ending first, then renamed. */
const FRESH = ".new";

const NAME = /^checkpoint-(\d{12,})(\.new)?$/;

function checkpointName(examples: number): string {
  return `checkpoint-${String(examples).padStart(12, "0")}`;
}

/**
 * The checkpoints of one run: directories `checkpoint-<examples, 12 digits>` under `directory`.
 *
 * A checkpoint exists from the instant its manifest.json gets its name, and everything is on disk before that. So a kill,
 * a full disk or a failing device at any step leaves the previous checkpoint or the new one, whole. The same training
 * history gives the same bytes: nothing of the clock, the machine or the number of saves goes in.
 */
export class CheckpointStore {
  readonly directory: string;
  private readonly files: Files;
  private readonly processes: Processes;
  private owned: WriterLock | undefined;

  constructor(directory: string, files: Files = nodeFiles, processes: Processes = systemProcesses) {
    this.directory = directory;
    this.files = files;
    this.processes = processes;
  }

  /**
   * Becomes the directory's only writer; a dead writer's lock is taken over.
   * @throws checkpoint_locked when another living process (or store) writes here; checkpoint_write
   */
  lock(): void {
    this.writing(this.directory, () => {
      this.owned = new WriterLock(this.directory, this.files, this.processes);
    });
  }

  /** Lets others write. */
  unlock(): void {
    this.writing(this.directory, () => this.owned?.release());
    this.owned = undefined;
  }

  /**
   * Saves a checkpoint durably. Saving what is there already is recognised and changes nothing; another content with the
   * same number of examples replaces the old one, which stays until the new one is complete.
   * @param examples examples learned from so far
   * @throws checkpoint_write (full disk, failing device: the half-written directory is removed, earlier checkpoints are
   * unharmed); checkpoint_locked when another writer has taken the directory over
   */
  save(examples: number, content: CheckpointContent): Saved {
    const path = join(this.directory, checkpointName(examples));
    return this.writing(path, () => {
      this.checkOwner();
      this.files.mkdir(this.directory);
      this.finishReplacements();
      if (!this.finished(path)) return this.write(path, examples, content);
      return this.savedAlready(path, examples, content) ?? this.replace(path, examples, content);
    });
  }

  /**
   * Opens the newest checkpoint that is whole (all of it is read and verified), going back past damaged ones.
   * @returns `undefined` in `checkpoint` when none was ever finished; what was passed over, newest first, in `skipped`
   * @throws checkpoint_damaged when there are finished checkpoints but none is whole; checkpoint_mismatch (a newer format)
   */
  latest(): { checkpoint: Checkpoint | undefined; skipped: Skipped[] } {
    const skipped: Skipped[] = [];
    const paths = this.paths();
    for (const path of paths) {
      try {
        return { checkpoint: this.load(path), skipped };
      } catch (error) {
        if (!(error instanceof HashbrookError) || error.code === "checkpoint_mismatch") throw error;
        skipped.push({ path, reason: error.message });
      }
    }
    // A writer may have saved and pruned meanwhile.
    if (this.paths().join() !== paths.join()) return this.latest();
    if (skipped.some(({ path }) => this.finished(path))) throw noneWhole(this.directory, skipped);
    return { checkpoint: undefined, skipped };
  }

  /**
   * Opens one checkpoint directory and verifies all of it.
   * @throws checkpoint_missing, checkpoint_damaged, checkpoint_mismatch
   */
  load(path: string): Checkpoint {
    const checkpoint = new Checkpoint(path, this.files);
    checkpoint.verify();
    return checkpoint;
  }

  /**
   * Removes half-written leftovers and all checkpoints older than the newest `keep` that look whole (manifest, sizes and
   * headers right; the data is not read).
   */
  prune(keep = 3): void {
    if (!(Number.isSafeInteger(keep) && keep >= 1))
      throw new HashbrookError("usage", `keep ${keep}: must be 1 or more`);
    this.writing(this.directory, () => {
      this.checkOwner();
      this.finishReplacements();
      let kept = 0;
      for (const path of this.paths()) {
        if (kept >= keep || !this.finished(path)) this.removeCheckpoint(path);
        else if (this.opens(path)) kept++;
      }
    });
  }

  /** True while there is no finished checkpoint. */
  get empty(): boolean {
    return !this.paths().some((path) => this.finished(path));
  }

  /** Paths of all checkpoint directories, finished or not, newest first. */
  private paths(): string[] {
    const found = this.files.list(this.directory).flatMap((name) => {
      const match = NAME.exec(name);
      return match ? [{ path: join(this.directory, name), rank: Number(match[1]), fresh: match[2] ? 1 : 0 }] : [];
    });
    return found.sort((a, b) => b.rank - a.rank || b.fresh - a.fresh).map(({ path }) => path);
  }

  private finished(path: string): boolean {
    return this.files.stat(join(path, MANIFEST)) !== undefined;
  }

  private opens(path: string): boolean {
    try {
      return new Checkpoint(path, this.files).examples >= 0;
    } catch {
      return false;
    }
  }

  private whole(path: string): boolean {
    try {
      return this.load(path).examples >= 0;
    } catch {
      return false;
    }
  }

  private write(path: string, examples: number, content: CheckpointContent): Saved {
    try {
      this.files.remove(path);
      this.files.mkdir(path);
      const entries = groupByFile(content.blocks).map(([name, blocks]) => this.writeData(path, name, blocks));
      const manifest = encodeManifest(describe(examples, content, entries));
      this.files.syncDirectory(path);
      this.commit(path, manifest);
      return { path, bytes: totalBytes(entries, manifest) };
    } catch (error) {
      // After a take-over the directory may be the other writer's: it is left alone.
      this.checkOwner();
      quietly(() => this.removeCheckpoint(path));
      throw error;
    }
  }

  private writeData(directory: string, name: string, blocks: readonly Block[]): FileEntry {
    return withFile(this.files, join(directory, name), "wx", (file) => {
      let position = 0;
      const entry = streamFile(name, blocks, (slice) => {
        position = writeFully(this.files, file, slice, position);
      });
      this.files.fsync(file);
      return entry;
    });
  }

  private commit(path: string, manifest: Uint8Array): void {
    const temporary = join(path, `${MANIFEST}.tmp`);
    writeFile(this.files, temporary, manifest);
    this.checkOwner();
    this.files.rename(temporary, join(path, MANIFEST));
    this.files.syncDirectory(path);
    this.files.syncDirectory(this.directory);
  }

  /** What `save` returns when the checkpoint at `path` is whole and holds just this content. */
  private savedAlready(path: string, examples: number, content: CheckpointContent): Saved | undefined {
    const entries = groupByFile(content.blocks).map(([name, blocks]) => streamFile(name, blocks, () => {}));
    const manifest = encodeManifest(describe(examples, content, entries));
    return this.whole(path) && this.holds(path, manifest) ? { path, bytes: totalBytes(entries, manifest) } : undefined;
  }

  private holds(path: string, manifest: Uint8Array): boolean {
    const found = new Uint8Array(manifest.byteLength + 1);
    const count = withFile(this.files, join(path, MANIFEST), "r", (file) => readFully(this.files, file, found, 0));
    return Buffer.compare(found.subarray(0, count), manifest) === 0;
  }

  private replace(path: string, examples: number, content: CheckpointContent): Saved {
    const { bytes } = this.write(path + FRESH, examples, content);
    this.promote(path + FRESH);
    return { path, bytes };
  }

  /** Replacements cut short: a whole one takes its place, others go. */
  private finishReplacements(): void {
    for (const path of this.paths().filter((path) => path.endsWith(FRESH))) {
      if (this.finished(path) && this.whole(path)) this.promote(path);
      else this.removeCheckpoint(path);
    }
  }

  private promote(fresh: string): void {
    const path = fresh.slice(0, -FRESH.length);
    this.removeCheckpoint(path);
    this.files.rename(fresh, path);
    this.files.syncDirectory(this.directory);
  }

  /** Manifest first: what a kill leaves of it is then not taken for a damaged checkpoint. */
  private removeCheckpoint(path: string): void {
    this.files.remove(join(path, MANIFEST));
    this.files.remove(path);
  }

  private checkOwner(): void {
    if (this.owned === undefined || this.owned.held()) return;
    throw new HashbrookError("checkpoint_locked", `${this.directory}: another writer has taken over`, {
      hint: "Let only one process train into a directory.",
    });
  }

  private writing<T>(path: string, write: () => T): T {
    try {
      return write();
    } catch (error) {
      throw writeError(path, error);
    }
  }
}

/**
 * Opens a checkpoint for use: `path` is a run's directory (the newest whole checkpoint) or one checkpoint's directory.
 * All of it is verified.
 * @throws checkpoint_missing with a hint, checkpoint_damaged, checkpoint_mismatch (a newer format)
 */
export function openCheckpoint(path: string, files: Files = nodeFiles): { checkpoint: Checkpoint; skipped: Skipped[] } {
  const store = new CheckpointStore(path, files);
  if (files.stat(join(path, MANIFEST))) return { checkpoint: store.load(path), skipped: [] };
  const { checkpoint, skipped } = store.latest();
  if (checkpoint) return { checkpoint, skipped };
  const what = files.stat(path) ? "holds no finished checkpoint" : "is not there";
  throw new HashbrookError("checkpoint_missing", `${path}: ${what}`, {
    hint: "Name the directory that `hashbrook train --out` wrote, or one checkpoint-… directory in it.",
  });
}

function describe(examples: number, { meta }: CheckpointContent, files: readonly FileEntry[]) {
  return { examples, spec_hash: typeof meta.spec_hash === "string" ? meta.spec_hash : null, meta, files };
}

function totalBytes(entries: readonly FileEntry[], manifest: Uint8Array): number {
  return entries.reduce((sum, entry) => sum + entry.bytes, manifest.byteLength);
}

function noneWhole(directory: string, skipped: readonly Skipped[]): HashbrookError {
  const reasons = skipped.map(({ reason }) => reason).join("; ");
  return new HashbrookError("checkpoint_damaged", `${directory}: no checkpoint is whole: ${reasons}`, {
    hint: "Restore the directory from a copy, or train anew into another --out directory.",
  });
}
