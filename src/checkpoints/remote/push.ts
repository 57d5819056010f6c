import { basename, dirname, join } from "node:path";
import { HashbrookError } from "../../core/errors.js";
import { errorCode, type Files, nodeFiles } from "../../core/files.js";
import type { ObjectStore } from "../../object-store/object-store.js";
import type { Checkpoint } from "../checkpoint.js";
import type { CheckpointDirectory } from "../checkpoint-directory.js";
import { Checksum } from "../checksum.js";
import { MANIFEST } from "../manifest.js";
import { openCheckpoint } from "../store.js";
import {
  type CopyOptions,
  type CopyReport,
  contentOf,
  FORMAT,
  HEAD,
  keyOf,
  pieceOf,
  piecesOf,
  REJECTED,
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
  const rejected = await upload.rejected(checkpoint);
  const head = { format: FORMAT, spec_hash: specHash, chain: parts, rejected, before: before?.chain ?? [] };
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
  return new HashbrookError("checkpoint_locked", `${url}: somebody else has put a checkpoint there meanwhile`, {
    hint: "let only one process copy checkpoints to an address",
  });
}

function refuseOther(
  url: string,
  before: RemoteHead,
  { examples, specHash }: { examples: number; specHash: string | null },
): void {
  const hint = "give every run an address of its own";
  if (before.spec_hash !== specHash)
    throw new HashbrookError("output_exists", `${url}: holds a checkpoint of another spec (${before.spec_hash})`, {
      hint,
    });
  if (before.chain[0].examples > examples)
    throw new HashbrookError(
      "output_exists",
      `${url}: holds a later checkpoint, of ${before.chain[0].examples} examples`,
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
  private readonly store: ObjectStore;
  private readonly files: Files;
  private readonly onProgress: CopyOptions["onProgress"];

  constructor(store: ObjectStore, files: Files, onProgress: CopyOptions["onProgress"]) {
    this.store = store;
    this.files = files;
    this.onProgress = onProgress;
  }

  async directory({ path, checksum, manifest }: CheckpointDirectory): Promise<void> {
    for (const { name, bytes } of manifest.files) await this.file(join(path, name), checksum, bytes);
    const encoded = reading(path, () => contentOf(this.files, join(path, MANIFEST)));
    await this.write(keyOf(checksum, MANIFEST), encoded);
  }

  /** The run's rejected events at the time of the checkpoint. */
  async rejected({ path, meta, chain }: Checkpoint): Promise<RemoteHead["rejected"]> {
    const bytes = Number(meta.rejected_bytes ?? 0);
    if (bytes === 0) return null;
    const file = join(dirname(path), REJECTED.folder, REJECTED.name);
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
    await this.store.write(key, bytes, { only: "absent", immutable: true });
    this.copied += bytes.length;
    this.onProgress?.(this.copied);
  }
}

/** A run that is still training may have removed the checkpoint meanwhile. */
function reading<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
    throw new HashbrookError("checkpoint_missing", `${path}: was removed while it was copied`, {
      cause: error,
      hint: "the run has later checkpoints by now: push again",
    });
  }
}
