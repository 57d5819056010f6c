import { join } from "node:path";
import { HashbrookError } from "../../core/errors.js";
import { type Files, nodeFiles, writeError, writeFile, writeFully } from "../../core/files.js";
import type { ObjectReader } from "../../object-store/object-store.js";
import { damaged } from "../checkpoint-directory.js";
import { Checksum } from "../checksum.js";
import { decodeManifest, type FileEntry, MANIFEST, manifestChecksum } from "../manifest.js";
import { checkpointName, examplesOf } from "../names.js";
import { CheckpointStore } from "../store.js";
import {
  type CopyOptions,
  type CopyReport,
  contentOf,
  keyOf,
  PIECE_BYTES,
  pieceOf,
  REJECTED,
  type RemoteHead,
  readHead,
} from "./head.js";

/**
 * Copies the checkpoint in a store into a run's directory, where `train --resume` goes on from it. What is there already is not
 * copied again; what is copied is checked, and is a checkpoint only when all of it is on disk.
 * @throws HashbrookError checkpoint_missing where the store has none, checkpoint_damaged, checkpoint_locked while a run writes into
 * the directory, output_exists where it holds other or later checkpoints, checkpoint_write; store_unreachable, store_refused
 */
export async function pullCheckpoint(
  store: ObjectReader,
  directory: string,
  { onProgress }: CopyOptions = {},
): Promise<CopyReport> {
  const { head } = await readHead(store);
  if (!head)
    throw new HashbrookError("checkpoint_missing", `${store.url}: holds no checkpoint`, {
      hint: "hashbrook push --checkpoint DIR --store ADDRESS puts one there",
    });
  const files = nodeFiles;
  const run = new CheckpointStore(directory, files);
  run.lock();
  try {
    refuseLater(files, directory, head.chain[0].examples);
    let copied = await pullRejected(store, files, directory, head);
    for (const part of [...head.chain].reverse())
      copied += await pullPart(store, files, directory, part, (done) => onProgress?.(copied + done));
    const { path, examples, specHash, bytes } = run.load(join(directory, checkpointName(head.chain[0].examples)));
    return { checkpoint: path, examples, spec_hash: specHash, bytes, copied, passed_over: [] };
  } finally {
    run.unlock();
  }
}

/** Events that the run has rejected: a run that goes on writes behind them. @returns bytes copied */
async function pullRejected(store: ObjectReader, files: Files, directory: string, head: RemoteHead): Promise<number> {
  const folder = join(directory, REJECTED.folder);
  const there = files.stat(join(folder, REJECTED.name))?.bytes ?? 0;
  if (!head.rejected || there >= head.rejected.bytes) return 0;
  await writing(folder, async () => files.mkdir(folder));
  await pullFile(store, files, folder, head.chain[0].checksum, { name: REJECTED.name, ...head.rejected });
  files.syncDirectory(folder);
  return head.rejected.bytes;
}

function refuseLater(files: Files, directory: string, examples: number): void {
  const later = files.list(directory).find((name) => (examplesOf(name) ?? 0) > examples);
  if (later)
    throw new HashbrookError("output_exists", `${directory}: holds ${later}, which is later than what is copied`, {
      hint: "copy into a directory of its own",
    });
}

/** Copies one directory of a chain. @returns bytes copied: 0 where it was there */
async function pullPart(
  store: ObjectReader,
  files: Files,
  directory: string,
  { examples, checksum }: RemoteHead["chain"][number],
  told: (bytes: number) => void,
): Promise<number> {
  const path = join(directory, checkpointName(examples));
  if (files.stat(join(path, MANIFEST))) {
    if (manifestChecksum(contentOf(files, join(path, MANIFEST))) === checksum) return 0;
    throw new HashbrookError("output_exists", `${path}: is another checkpoint than the one to be copied`, {
      hint: "copy into a directory of its own",
    });
  }
  const encoded = await object(store, keyOf(checksum, MANIFEST));
  const manifest = decodeManifest(encoded, `${store.url}/${keyOf(checksum, MANIFEST)}`);
  if (manifest.examples !== examples || manifestChecksum(encoded) !== checksum)
    throw damaged(`${store.url}/${keyOf(checksum, MANIFEST)}`, "it is another checkpoint's");
  let copied = 0;
  await writing(path, async () => {
    files.remove(path);
    files.mkdir(path);
  });
  for (const file of manifest.files) {
    await pullFile(store, files, path, checksum, file);
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
  directory: string,
  checksum: string,
  { name, bytes, xxh64 }: Pick<FileEntry, "name" | "bytes" | "xxh64">,
): Promise<void> {
  const path = join(directory, name);
  const hash = new Checksum();
  const file = files.open(path, "w");
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
  if (hash.digest() !== xxh64) throw damaged(`${store.url}/${keyOf(checksum, name)}`, "it differs from its checksum");
}

async function object(store: ObjectReader, key: string): Promise<Uint8Array> {
  const found = await store.read(key);
  if (found && found !== "known") return found.bytes;
  throw damaged(`${store.url}/${key}`, "it is missing: a later checkpoint may have taken its place, so try again");
}

async function writing<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw writeError(path, error);
  }
}
