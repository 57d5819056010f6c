import { HashbrookError } from "../../core/errors.js";
import type { Files } from "../../core/files.js";
import { readFully, withFile } from "../../core/files.js";
import type { ObjectReader } from "../../object-store/object-store.js";
import { hex } from "../../schema/compiled.js";
import { type Immutable, type Static, Type } from "../../schema/typebox.js";
import { validator } from "../../schema/validator.js";
import { damaged } from "../checkpoint-directory.js";
import type { Skipped } from "../store.js";

/** The only mutable object: it names the current checkpoint. */
export const HEAD = "checkpoint.json";
export const FORMAT = 1;
/** Files are copied in pieces of this many bytes. */
export const PIECE_BYTES = 16 << 20;

const Part = Type.Object({ examples: Type.Integer({ minimum: 0 }), checksum: hex });
const Lines = Type.Object({ bytes: Type.Integer({ minimum: 1 }), xxh64: hex });
const Head = Type.Object({
  format: Type.Literal(FORMAT),
  spec_hash: Type.Union([hex, Type.Null()]),
  /** The checkpoint's directories, the newest first, by their manifests' checksums. */
  chain: Type.Array(Part, { minItems: 1 }),
  /** The run's rejected events, stored as a file of the newest directory: its size and XXH64. null: none. */
  rejected: Type.Union([Type.Null(), Lines]),
  /** The run's clicks that label nothing, stored likewise. Absent: none. */
  late: Type.Optional(Lines),
  /** Parts of the previous checkpoint, which may still be being read. */
  before: Type.Array(Part),
});
export type RemoteHead = Immutable<Static<typeof Head>>;
const headOf = validator(Head);

/** A run's folder of what it sets aside, and the files in it, by their names in the head. */
export const ASIDE = "rejected";
export const ASIDE_FILES = { rejected: "rejected.jsonl", late: "late.jsonl" } as const;
export type AsideFile = keyof typeof ASIDE_FILES;

/** The result of a copy. */
export interface CopyReport {
  /** The copy's location: a checkpoint's directory, or the store's address. */
  readonly checkpoint: string;
  /** Examples it has learned from. */
  readonly examples: number;
  /** Hash of the compiled spec. */
  readonly spec_hash: string | null;
  /** Size of the checkpoint's files. */
  readonly bytes: number;
  /** Bytes actually transferred. */
  readonly copied: number;
  /** Damaged checkpoints that were skipped in favour of it. */
  readonly passed_over: readonly Skipped[];
}

/** How it is copied. */
export interface CopyOptions {
  /** Called after every 16 MiB with the bytes copied so far. */
  readonly onProgress?: ((copied: number) => void) | undefined;
}

/** The key of a file, given its directory's manifest checksum. */
export const keyOf = (checksum: string, name: string): string => `${checksum}/${name}`;
/** The key of a file's n-th piece of 16 MiB. */
export const pieceOf = (checksum: string, name: string, piece: number): string =>
  keyOf(checksum, `${name}.${String(piece).padStart(6, "0")}`);

/** @throws HashbrookError checkpoint_damaged, store_unreachable, store_refused */
export async function readHead(store: ObjectReader): Promise<{ head: RemoteHead | null; tag: string | null }> {
  const found = await store.read(HEAD);
  if (!found || found === "known") return { head: null, tag: null };
  const wrong = (what: string) => damaged(`${store.url}/${HEAD}`, what);
  try {
    return { head: headOf(JSON.parse(new TextDecoder().decode(found.bytes)), wrong), tag: found.tag };
  } catch (error) {
    throw error instanceof HashbrookError ? error : wrong((error as Error).message);
  }
}

/** The first `bytes` of a file, in pieces. @throws HashbrookError checkpoint_damaged if the file is shorter */
export function* piecesOf(files: Files, path: string, bytes: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes; at += PIECE_BYTES) {
    const piece = new Uint8Array(Math.min(PIECE_BYTES, bytes - at));
    if (withFile(files, path, "r", (file) => readFully(files, file, piece, at)) < piece.length)
      throw damaged(path, "it was truncated during the copy");
    yield piece;
  }
}

/** All bytes of a file. */
export function contentOf(files: Files, path: string): Uint8Array {
  const data = new Uint8Array(files.stat(path)?.bytes ?? 0);
  withFile(files, path, "r", (file) => readFully(files, file, data, 0));
  return data;
}
