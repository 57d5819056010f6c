import { join } from "node:path";
import { checkArguments } from "../../core/arguments.js";
import { HashbrookError } from "../../core/errors.js";
import { type Files, nodeFiles, writeError, writeFile, writeFully } from "../../core/files.js";
import type { ObjectReader } from "../../object-store/object-store.js";
import { damaged } from "../checkpoint-directory.js";
import { Checksum } from "../checksum.js";
import { decodeManifest, type FileEntry, MANIFEST, manifestChecksum } from "../manifest.js";
import { checkpointName, examplesOf } from "../names.js";
import { CheckpointStore } from "../store.js";
import {
  ASIDE,
  ASIDE_FILES,
  type AsideFile,
  type CopyOptions,
  type CopyReport,
  contentOf,
  keyOf,
  PIECE_BYTES,
  pieceOf,
  piecesOf,
  type RemoteHead,
  readHead,
} from "./head.js";

/**
 * Copies the checkpoint in a store into a run's directory, from which `train --resume` continues. Existing files are
 * not copied again; copies are verified, and become a checkpoint only when everything is on disk.
 * @throws HashbrookError checkpoint_missing if the store has none, checkpoint_damaged, checkpoint_locked while a run
 *   writes into the directory, output_exists if it holds another run's or later checkpoints, checkpoint_write;
 *   store_unreachable, store_refused
 */
export async function pullCheckpoint(
  store: ObjectReader,
  directory: string,
  { onProgress }: CopyOptions = {},
): Promise<CopyReport> {
  checkArguments("pullCheckpoint", { store, directory }, { store: "reader", directory: "path" });
  const { head } = await readHead(store);
  if (!head)
    throw new HashbrookError("checkpoint_missing", `${store.url}: contains no checkpoint`, {
      hint: "copy one there: hashbrook push --checkpoint DIR --store ADDRESS",
    });
  const files = nodeFiles;
  const run = new CheckpointStore(directory, files);
  run.lock();
  try {
    refuseOthers(files, directory, head);
    let copied = 0;
    for (const which of ["rejected", "late"] as const) copied += await pullAside(store, directory, head, which);
    for (const part of [...head.chain].reverse())
      copied += await pullPart(store, files, directory, part, (done) => onProgress?.(copied + done));
    const { path, examples, specHash, bytes } = run.load(join(directory, checkpointName(head.chain[0].examples)));
    return { checkpoint: path, examples, spec_hash: specHash, bytes, copied, passed_over: [] };
  } finally {
    run.unlock();
  }
}

/** Copies a file of what the run has set aside; a resumed run appends to it. @returns bytes copied */
async function pullAside(store: ObjectReader, directory: string, head: RemoteHead, which: AsideFile): Promise<number> {
  const files = nodeFiles;
  const lines = head[which];
  if (!lines) return 0;
  const name = ASIDE_FILES[which];
  const folder = join(directory, ASIDE);
  const path = join(folder, name);
  const there = files.stat(path)?.bytes ?? 0;
  if (there >= lines.bytes) {
    if (hashOf(files, path, lines.bytes) !== lines.xxh64) throw othersThere(path, "belongs to another run");
    return 0;
  }
  const fresh = `${path}.tmp`;
  await writing(folder, async () => files.mkdir(folder));
  await pullFile(store, files, fresh, head.chain[0].checksum, { ...lines, name });
  if (hashOf(files, path, there) !== hashOf(files, fresh, there)) {
    files.remove(fresh);
    throw othersThere(path, "belongs to another run");
  }
  await writing(path, async () => files.rename(fresh, path));
  files.syncDirectory(folder);
  return lines.bytes;
}

function hashOf(files: Files, path: string, bytes: number): string {
  const hash = new Checksum();
  for (const piece of piecesOf(files, path, bytes)) hash.update(piece);
  return hash.digest();
}

/** Refuses another run's directory before anything in it is changed. */
function refuseOthers(files: Files, directory: string, { spec_hash, chain }: RemoteHead): void {
  for (const name of files.list(directory)) {
    const examples = examplesOf(name);
    if (examples === undefined) continue;
    const path = join(directory, name);
    if (examples > chain[0].examples) throw othersThere(path, "is later than the checkpoint to copy");
    if (!files.stat(join(path, MANIFEST))) continue;
    const encoded = contentOf(files, join(path, MANIFEST));
    const part = chain.find((one) => checkpointName(one.examples) === name);
    if (part && manifestChecksum(encoded) !== part.checksum)
      throw othersThere(path, "differs from the checkpoint to copy");
    if (!part && !isOf(spec_hash, encoded, path)) throw othersThere(path, "has another spec");
  }
}

/**
 * Whether a checkpoint has this spec, or is damaged: an unreadable one is no reason to refuse the copy that replaces
 * it.
 */
function isOf(spec: string | null, encoded: Uint8Array, path: string): boolean {
  try {
    return decodeManifest(encoded, path).spec_hash === spec;
  } catch (error) {
    if (error instanceof HashbrookError && error.code === "checkpoint_damaged") return true;
    throw error;
  }
}

function othersThere(path: string, what: string): HashbrookError {
  return new HashbrookError("output_exists", `${path}: ${what}`, { hint: "copy into a separate directory" });
}

/** Copies one directory of a chain if it is missing or incomplete. @returns bytes copied: 0 if it existed */
async function pullPart(
  store: ObjectReader,
  files: Files,
  directory: string,
  { examples, checksum }: RemoteHead["chain"][number],
  told: (bytes: number) => void,
): Promise<number> {
  const path = join(directory, checkpointName(examples));
  if (files.stat(join(path, MANIFEST))) return 0;
  const encoded = await object(store, keyOf(checksum, MANIFEST));
  const manifest = decodeManifest(encoded, `${store.url}/${keyOf(checksum, MANIFEST)}`);
  if (manifest.examples !== examples || manifestChecksum(encoded) !== checksum)
    throw damaged(`${store.url}/${keyOf(checksum, MANIFEST)}`, "it belongs to another checkpoint");
  let copied = 0;
  await writing(path, async () => {
    files.remove(path);
    files.mkdir(path);
  });
  for (const file of manifest.files) {
    await pullFile(store, files, join(path, file.name), checksum, file);
    copied += file.bytes;
    told(copied);
  }
  await writing(path, async () => {
    files.syncDirectory(path);
    writeFile(files, join(path, `${MANIFEST}.tmp`), encoded);
    files.rename(join(path, `${MANIFEST}.tmp`), join(path, MANIFEST));
    files.syncDirectory(path);
    files.syncDirectory(directory);
  });
  return copied + encoded.length;
}

async function pullFile(
  store: ObjectReader,
  files: Files,
  path: string,
  checksum: string,
  { name, bytes, xxh64 }: Pick<FileEntry, "name" | "bytes" | "xxh64">,
): Promise<void> {
  const hash = new Checksum();
  const file = await writing(path, async () => files.open(path, "w"));
  try {
    for (let at = 0; at < bytes; ) {
      const piece = await object(store, pieceOf(checksum, name, Math.floor(at / PIECE_BYTES)));
      hash.update(piece);
      at = await writing(path, async () => writeFully(files, file, piece, at));
      if (piece.length === 0) break;
    }
    await writing(path, async () => files.fsync(file));
  } finally {
    files.close(file);
  }
  if (hash.digest() !== xxh64) throw damaged(`${store.url}/${keyOf(checksum, name)}`, "it does not match its checksum");
}

async function object(store: ObjectReader, key: string): Promise<Uint8Array> {
  const found = await store.read(key);
  if (found && found !== "known") return found.bytes;
  throw damaged(`${store.url}/${key}`, "it is missing: a later checkpoint may have replaced it, so try again");
}

async function writing<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw writeError(path, error);
  }
}
