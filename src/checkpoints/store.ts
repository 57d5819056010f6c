import { join } from "node:path";
import { HashbrookError } from "../core/errors.js";
import { type Files, nodeFiles, readFully, withFile, writeError } from "../core/files.js";
import { Checkpoint, type CheckpointContent } from "./checkpoint.js";
import { checksumAt, isUnusable, Verification } from "./checkpoint-directory.js";
import { groupByFile, streamed, streamFile, toTheEnd } from "./data-file.js";
import { DirectoryWriter, withGiven, written } from "./directory-writer.js";
import { goodCheckpoint } from "./gate-file.js";
import { lockLost, type Processes, systemProcesses, WriterLock } from "./lock.js";
import { encodeManifest, MANIFEST, type Manifest, type ParentRef } from "./manifest.js";
import { checkpointName, FRESH, newestFirst } from "./names.js";
import { checkpointAsRun, noneWhole } from "./store-errors.js";
import { severalHeld, TOGETHER } from "./together-file.js";

/** A checkpoint that could not be used, and why. */
export interface Skipped {
  /** Its directory. */
  readonly path: string;
  /** The first damage found in it, or in what it builds on. */
  readonly reason: string;
}

export interface Saved {
  readonly path: string;
  /** Size of all its files. */
  readonly bytes: number;
}

/**
 * The checkpoints of one run: directories `checkpoint-<examples, 12 digits>` under `directory`.
 *
 * A checkpoint exists from the instant its manifest.json is renamed into place, and everything is on disk before that. So a kill, a full disk or a
 * failing device at any step leaves the previous checkpoint or the new one, complete. The same training history gives the same bytes: they contain no
 * wall-clock time, nothing of the machine and no count of saves.
 */
export class CheckpointStore {
  readonly directory: string;
  private readonly files: Files;
  private readonly processes: Processes;
  private readonly writer: DirectoryWriter;
  private owned: WriterLock | undefined;

  constructor(directory: string, files: Files = nodeFiles, processes: Processes = systemProcesses) {
    this.directory = directory;
    this.files = files;
    this.processes = processes;
    this.writer = new DirectoryWriter(directory, files, () => this.checkOwner());
  }

  /**
   * Becomes the directory's only writer; a dead writer's lock is taken over.
   * @throws checkpoint_locked when another living process (or store) writes here; output_exists if it is a checkpoint itself;
   * checkpoint_write
   */
  lock(): void {
    if (this.finished(this.directory)) throw checkpointAsRun(this.directory);
    this.writing(this.directory, () => {
      this.owned = new WriterLock(this.directory, this.files, this.processes);
    });
  }

  /** The lock file, whose existence means that the directory is ours; undefined if it was not locked. */
  get lockPath(): string | undefined {
    return this.owned?.path;
  }

  /** File access for anything else written into the directory: nothing is written once another writer has taken over. */
  get fenced(): Files {
    const { files } = this;
    const write: Files["write"] = (file, data, position) => {
      this.checkOwner();
      return files.write(file, data, position);
    };
    return Object.assign(Object.create(files) as Files, { write });
  }

  /** Releases the lock. */
  unlock(): void {
    this.writing(this.directory, () => this.owned?.release());
    this.owned = undefined;
  }

  /**
   * Saves a checkpoint durably. Saving identical content again changes nothing; different content with the same number of examples replaces the old
   * one, which stays until the new one is complete.
   * @param examples examples learned from so far
   * @throws checkpoint_write (full disk, failing device: the incomplete directory is removed, earlier checkpoints are unaffected); checkpoint_locked
   * when another writer has taken over the directory
   */
  save(examples: number, content: CheckpointContent): Saved {
    const path = join(this.directory, checkpointName(examples));
    return this.writing(path, () => {
      this.checkOwner();
      this.files.mkdir(this.directory);
      this.finishReplacements();
      const saved = this.finished(path)
        ? this.savedAgain(path, examples, content)
        : this.write(path, examples, content);
      if (content.given) this.files.remove(content.given.directory);
      return saved;
    });
  }

  /**
   * Opens the newest intact checkpoint (all of it is read and verified), skipping damaged ones. What several of them build on is read once.
   * @returns `undefined` in `checkpoint` when none was ever finished; the skipped ones, newest first, in `skipped`
   * @throws checkpoint_damaged when there are finished checkpoints but none is intact; checkpoint_mismatch (a newer format)
   */
  latest(): { checkpoint: Checkpoint | undefined; skipped: Skipped[] } {
    const before = this.manifests();
    const verification = new Verification();
    const skipped: Skipped[] = [];
    for (const path of this.paths()) {
      const found = this.opened(path, verification);
      if (found instanceof Checkpoint) return this.unlessMovedOn(before, found, skipped);
      skipped.push({ path, reason: found.message });
    }
    return this.unlessMovedOn(before, undefined, skipped);
  }

  /** The result, or that of a new search if a writer has saved, pruned or replaced checkpoints meanwhile. */
  private unlessMovedOn(before: string, checkpoint: Checkpoint | undefined, skipped: Skipped[]) {
    const doubtful = checkpoint === undefined || skipped.length > 0;
    if (doubtful && this.manifests() !== before) return this.latest();
    if (!checkpoint && skipped.some(({ path }) => this.finished(path))) throw noneWhole(this.directory, skipped);
    return { checkpoint, skipped };
  }

  /** All checkpoints' names and their manifests' checksums: any change by a writer changes one of these. */
  private manifests(): string {
    return this.paths()
      .map((path) => `${path} ${checksumAt(path, this.files)}`)
      .join("\n");
  }

  /**
   * Opens one checkpoint directory and verifies all of it.
   * @throws checkpoint_missing, checkpoint_damaged, checkpoint_mismatch
   */
  load(path: string): Checkpoint {
    return this.verified(path, new Verification());
  }

  /**
   * Removes incomplete leftovers and all checkpoints older than the newest `keep` that look intact (manifest, sizes and headers are right; the data is
   * not read), except those that a kept increment builds on.
   */
  prune(keep = 3): void {
    if (!(Number.isSafeInteger(keep) && keep >= 1))
      throw new HashbrookError("usage", `keep ${keep}: must be 1 or more`);
    this.writing(this.directory, () => {
      this.checkOwner();
      this.finishReplacements();
      for (const path of this.superseded(keep)) this.writer.remove(path);
    });
  }

  /** The reference by which an increment names its parent at `path`. */
  reference(path: string): ParentRef {
    const { examples, chain } = new Checkpoint(path, this.files);
    return { examples, checksum: chain[0].checksum };
  }

  /** What `prune` removes (never the checkpoint known to be good), in order; `except` is being written and ignored. */
  superseded(keep: number, except?: string): string[] {
    const needed = new Set<string>();
    const removed: string[] = [];
    const paths = this.paths().filter((path) => path !== except);
    // Nothing to open: all may stay.
    if (paths.length <= keep && paths.every((path) => this.finished(path))) return removed;
    const good = goodCheckpoint(this.files, this.directory);
    let kept = 0;
    for (const path of paths) {
      if (path === good && kept >= keep) this.opens(path, needed);
      else if (needed.has(path)) kept++;
      else if (kept >= keep || !this.finished(path)) removed.push(path);
      else if (this.opens(path, needed)) kept++;
    }
    return removed;
  }

  /** Paths of all checkpoint directories, finished or not, newest first. */
  private paths(): string[] {
    const paths = newestFirst(this.files.list(this.directory)).map((name) => join(this.directory, name));
    return paths.filter((path) => this.files.stat(path)?.directory !== false);
  }

  private finished(path: string): boolean {
    return this.files.stat(join(path, MANIFEST)) !== undefined;
  }

  /** Whether a checkpoint looks intact; everything it builds on is added to `needed`. */
  private opens(path: string, needed: Set<string>): boolean {
    try {
      for (const { path: part } of new Checkpoint(path, this.files).chain) needed.add(part);
      return true;
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

  private verified(path: string, verification: Verification): Checkpoint {
    const checkpoint = new Checkpoint(path, this.files);
    checkpoint.verify(verification);
    return checkpoint;
  }

  /** The checkpoint at `path`, or the error that makes it unusable. @throws checkpoint_mismatch; what the system refuses */
  private opened(path: string, verification: Verification): Checkpoint | HashbrookError {
    try {
      return this.verified(path, verification);
    } catch (error) {
      if (isUnusable(error)) return error;
      throw error;
    }
  }

  private savedAgain(path: string, examples: number, content: CheckpointContent): Saved {
    return this.savedAlready(path, examples, content) ?? this.replace(path, examples, content);
  }

  private write(path: string, examples: number, content: CheckpointContent): Saved {
    const blocks = content.blocks.map(streamed);
    const { bytes } = toTheEnd(this.writer.write(path, describe(examples, content), blocks, content.given));
    return { path, bytes };
  }

  /** The result of `save` if the checkpoint at `path` is intact and has exactly this content. */
  private savedAlready(path: string, examples: number, content: CheckpointContent): Saved | undefined {
    const own = groupByFile(content.blocks).map(([name, blocks]) => streamFile(name, blocks, () => {}));
    const files = withGiven(own, content.given);
    const manifest = encodeManifest({ ...describe(examples, content), files });
    return this.whole(path) && this.holds(path, manifest) ? { path, bytes: written(files, manifest).bytes } : undefined;
  }

  private holds(path: string, manifest: Uint8Array): boolean {
    const found = new Uint8Array(manifest.byteLength + 1);
    const count = withFile(this.files, join(path, MANIFEST), "r", (file) => readFully(this.files, file, found, 0));
    return Buffer.compare(found.subarray(0, count), manifest) === 0;
  }

  private replace(path: string, examples: number, content: CheckpointContent): Saved {
    const { bytes } = this.write(path + FRESH, examples, content);
    this.writer.promote(path + FRESH);
    return { path, bytes };
  }

  /**
   * Handles interrupted replacements: a complete one is put in place, others are removed.
   * @param except one that is being written
   */
  finishReplacements(except?: string): void {
    for (const path of this.paths().filter((path) => path.endsWith(FRESH) && path !== except)) {
      if (this.finished(path) && this.whole(path)) this.writer.promote(path);
      else this.writer.remove(path);
    }
  }

  /** @throws checkpoint_locked when another writer has taken over the directory; checkpoint_write when it is gone */
  private checkOwner(): void {
    if (this.owned === undefined || this.owned.held()) return;
    throw lockLost(this.directory, this.files);
  }

  private writing<T>(path: string, write: () => T): T {
    try {
      return write();
    } catch (error) {
      throw writeError(path, error);
    }
  }
}

const NAME_A_RUN = "name a directory written by `hashbrook train --out`, or a checkpoint-… directory in it";
const COPY_IT =
  "an address is not a path: copy it to this machine first, with `hashbrook pull`; `hashbrook/scorer` loads addresses";

/**
 * Opens a checkpoint for use: `path` is a run's directory (the newest intact checkpoint) or one checkpoint's directory. All of it is verified.
 * @throws checkpoint_missing with a hint, checkpoint_damaged, checkpoint_mismatch (a newer format)
 */
export function openCheckpoint(path: string, files: Files = nodeFiles): { checkpoint: Checkpoint; skipped: Skipped[] } {
  checkRunExists(path, files);
  const store = new CheckpointStore(path, files);
  if (files.stat(join(path, MANIFEST))) return { checkpoint: store.load(path), skipped: [] };
  const { checkpoint, skipped } = store.latest();
  if (checkpoint) return { checkpoint, skipped };
  if (files.stat(join(path, TOGETHER))) throw severalHeld(path);
  throw noRun(path, "contains no finished checkpoint");
}

/**
 * Checks that a run's or a checkpoint's directory exists, without reading it.
 * @throws checkpoint_missing with a hint
 */
export function checkRunExists(path: string, files: Files = nodeFiles): void {
  const found = files.stat(path);
  if (!found) throw noRun(path, "no such directory");
  if (!found.directory) throw noRun(path, "is a file, not a directory of checkpoints");
}

function noRun(path: string, what: string): HashbrookError {
  const hint = /^[a-z\d]+:\/\//i.test(path) ? COPY_IT : NAME_A_RUN;
  return new HashbrookError("checkpoint_missing", `${path}: ${what}`, { hint });
}

/** A full checkpoint's manifest without its files. */
export function describe(examples: number, { meta }: Pick<CheckpointContent, "meta">): Omit<Manifest, "files"> {
  return { examples, spec_hash: typeof meta.spec_hash === "string" ? meta.spec_hash : null, meta };
}
