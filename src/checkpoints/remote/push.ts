import { basename, dirname, join } from "node:path";
import { checkArguments } from "../../core/arguments.js";
import { HashbrookError } from "../../core/errors.js";
import { errorCode, type Files, nodeFiles } from "../../core/files.js";
import type { ObjectStore } from "../../object-store/object-store.js";
import type { Checkpoint } from "../checkpoint.js";
import { type CheckpointDirectory, damaged } from "../checkpoint-directory.js";
import { Checksum } from "../checksum.js";
import { MANIFEST, manifestChecksum } from "../manifest.js";
import { openCheckpoint } from "../store.js";
import {
  ASIDE,
  ASIDE_FILES,
  type AsideFile,
  type CopyOptions,
  type CopyReport,
  contentOf,
  FORMAT,
  HEAD,
  keyOf,
  pieceOf,
  piecesOf,
  type RemoteHead,
  readHead,
} from "./head.js";

/**
 * Copies a run's newest checkpoint, or one checkpoint, to a store of objects, transferring only what is missing there.
 * It becomes visible at the moment the store's `checkpoint.json` names it, which is written only if unchanged since it
 * was read.
 * @param path a run's directory, or one checkpoint's
 * @throws HashbrookError checkpoint_…; checkpoint_locked if somebody else copies at the same time, output_exists if the
 *   store has a later checkpoint or one of another spec; store_unreachable, store_refused
 */
export async function pushCheckpoint(
  path: string,
  store: ObjectStore,
  { onProgress }: CopyOptions = {},
): Promise<CopyReport> {
  checkArguments("pushCheckpoint", { path, store }, { path: "path", store: "store" });
  const { checkpoint, skipped } = openCheckpoint(path);
  const { examples, specHash, chain, bytes } = checkpoint;
  const { head: before, tag } = await readHead(store);
  if (before) refuseOther(store.url, before, { examples, specHash });
  const parts = chain.map(({ manifest, checksum }) => ({ examples: manifest.examples, checksum }));
  const report = { checkpoint: store.url, examples, spec_hash: specHash, bytes, passed_over: skipped };
  if (before?.chain[0].checksum === parts[0].checksum) return { ...report, copied: 0 };
  const upload = new Upload(store, nodeFiles, onProgress);
  const known = new Set(before?.chain.map(({ checksum }) => checksum));
  for (const part of [...chain].reverse()) if (!known.has(part.checksum)) await upload.directory(part);
  const rejected = await upload.aside(checkpoint, "rejected");
  const late = await upload.aside(checkpoint, "late");
  const aside = { rejected, ...(late && { late }) };
  const head = { format: FORMAT, spec_hash: specHash, chain: parts, ...aside, before: before?.chain ?? [] };
  // Listed before the head is written: a writer that has added an object by now has read an earlier head, and can no
  // longer write theirs.
  const there = await store.list();
  upload.refuseMissing(there);
  const data = new TextEncoder().encode(`${JSON.stringify(head)}\n`);
  if ((await store.write(HEAD, data, { only: tag === null ? "absent" : { tag }, immutable: false })) === null)
    throw taken(store.url);
  const kept = new Set([...head.chain, ...head.before].map(({ checksum }) => checksum));
  await store.remove(there.filter((key) => isPart(key) && !kept.has(key.slice(0, 16))));
  return { ...report, copied: upload.copied };
}

function taken(url: string): HashbrookError {
  return new HashbrookError(
    "checkpoint_locked",
    `${url}: another process has written a checkpoint there during the copy`,
    {
      hint: "copy checkpoints to an address with one process only",
    },
  );
}

function refuseOther(
  url: string,
  before: RemoteHead,
  { examples, specHash }: { examples: number; specHash: string | null },
): void {
  const hint = "use a separate address for every run";
  if (before.spec_hash !== specHash)
    throw new HashbrookError(
      "output_exists",
      `${url}: already holds a checkpoint of another spec (${before.spec_hash})`,
      {
        hint,
      },
    );
  if (before.chain[0].examples > examples)
    throw new HashbrookError(
      "output_exists",
      `${url}: already holds a later checkpoint, of ${before.chain[0].examples} examples`,
      {
        hint,
      },
    );
}

/** Whether an object belongs to a checkpoint; others must not be removed. */
const isPart = (key: string): boolean => /^[0-9a-f]{16}\//.test(key);

/** Writes the parts of a checkpoint. */
class Upload {
  /** Bytes copied. */
  copied = 0;
  private readonly keys: string[] = [];
  /** Those of the current directory that were not there before. */
  private added: string[] = [];
  private readonly store: ObjectStore;
  private readonly files: Files;
  private readonly onProgress: CopyOptions["onProgress"];

  constructor(store: ObjectStore, files: Files, onProgress: CopyOptions["onProgress"]) {
    this.store = store;
    this.files = files;
    this.onProgress = onProgress;
  }

  /** Nothing of a directory that is not as its manifest says stays there: objects are never overwritten. */
  async directory(part: CheckpointDirectory): Promise<void> {
    this.added = [];
    try {
      await this.verified(part);
    } catch (error) {
      await this.store.remove(this.added).catch(() => {});
      throw error;
    }
  }

  private async verified({ path, checksum, manifest }: CheckpointDirectory): Promise<void> {
    for (const { name, bytes, xxh64 } of manifest.files)
      if ((await this.file(join(path, name), checksum, bytes)) !== xxh64) throw this.changed(path, checksum, name);
    const encoded = this.manifest(path);
    if (manifestChecksum(encoded) !== checksum) throw replaced(path);
    await this.write(keyOf(checksum, MANIFEST), encoded);
  }

  private manifest(path: string): Uint8Array {
    return reading(path, () => contentOf(this.files, join(path, MANIFEST)));
  }

  /** The error for a file that is not as the manifest with this checksum says. */
  private changed(path: string, checksum: string, name: string): HashbrookError {
    if (manifestChecksum(this.manifest(path)) !== checksum) return replaced(path);
    return damaged(join(path, name), "it does not match its checksum");
  }

  /** What the run had set aside at the time of the checkpoint. */
  async aside({ path, meta, chain }: Checkpoint, which: AsideFile): Promise<RemoteHead["rejected"]> {
    const bytes = Number(meta[`${which}_bytes`] ?? 0);
    if (bytes === 0) return null;
    const file = join(dirname(path), ASIDE, ASIDE_FILES[which]);
    return { bytes, xxh64: await this.file(file, chain[0].checksum, bytes) };
  }

  /** @returns the XXH64 of the first `bytes` of a file */
  private async file(path: string, checksum: string, bytes: number): Promise<string> {
    const hash = new Checksum();
    const pieces = piecesOf(this.files, path, bytes);
    for (let n = 0; ; n++) {
      const { value: piece } = reading(path, () => pieces.next());
      if (!piece) return hash.digest();
      hash.update(piece);
      await this.write(pieceOf(checksum, basename(path), n), piece);
    }
  }

  /**
   * @throws HashbrookError checkpoint_locked if something written is not among `keys`: somebody else has removed it,
   *   not knowing it
   */
  refuseMissing(keys: readonly string[]): void {
    const there = new Set(keys);
    if (this.keys.some((key) => !there.has(key))) throw taken(this.store.url);
  }

  private async write(key: string, bytes: Uint8Array): Promise<void> {
    this.keys.push(key);
    if ((await this.store.write(key, bytes, { only: "absent", immutable: true })) !== null) this.added.push(key);
    this.copied += bytes.length;
    this.onProgress?.(this.copied);
  }
}

/** A run that is still training may have put a checkpoint that needs no other one in its place. */
function replaced(path: string): HashbrookError {
  return new HashbrookError("checkpoint_missing", `${path}: was replaced during the copy`, {
    hint: "push again",
  });
}

/** A run that is still training may have removed the checkpoint meanwhile. */
function reading<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
    throw new HashbrookError("checkpoint_missing", `${path}: was removed during the copy`, {
      cause: error,
      hint: "the run has later checkpoints now: push again",
    });
  }
}
