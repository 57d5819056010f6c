import type { TensorSpec } from "../core/blocks.js";
import { HashbrookError } from "../core/errors.js";
import { canonicalJson } from "../core/hash.js";
import { checksumOf } from "./checksum.js";
import { isDtype, isRecord, isShape } from "./safetensors.js";

/*
 * manifest.json is one line of canonical JSON (keys sorted, no spaces) and a newline; "checksum" sorts first:
 *
 *     {"checksum":"<16 hex>","examples":…,"files":[…],"format":"hashbrook-checkpoint","meta":{…},"spec_hash":…,"version":1}\n
 *
 * checksum = XXH64 (seed 0) of the file's bytes with `"checksum":"…",` taken out. This rule holds for every version.
 * A manifest with "parent", "patches" or "replaces" has version 2, so that a reader that knows none of them refuses it.
 */
const FORMAT = "hashbrook-checkpoint";
const VERSION = 2;
const HEAD = /^\{"checksum":"([0-9a-f]{16})",/;
const HEAD_BYTES = '{"checksum":"0123456789abcdef",'.length;

export const MANIFEST = "manifest.json";

/** A block is checksummed in chunks of this many bytes, so that damage is located. */
export const CHUNK_BYTES = 16 << 20;

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

export interface BlockEntry extends TensorSpec {
  /** XXH64 of each 16 MiB of the block's bytes, the last one shorter; none for an empty block. */
  readonly chunks: readonly string[];
}

export interface FileEntry {
  readonly name: string;
  readonly bytes: number;
  /** XXH64 of the whole file. */
  readonly xxh64: string;
  readonly blocks: readonly BlockEntry[];
}

/** A checkpoint that an increment builds on. */
export interface ParentRef {
  readonly examples: number;
  /** The checksum of its manifest. */
  readonly checksum: string;
}

export interface Manifest {
  /** Examples learned from when the checkpoint was taken. */
  readonly examples: number;
  readonly spec_hash: string | null;
  readonly meta: { readonly [key: string]: JsonValue };
  readonly files: readonly FileEntry[];
  /** What the patches change; absent where they change zeros (or where there are none). */
  readonly parent?: ParentRef;
  /** Blocks of which only changed rows are stored: their names, dtypes and shapes when the patch is applied. */
  readonly patches?: readonly TensorSpec[];
  /** Checksum of the increment whose state this compacted checkpoint holds: it is a parent in that one's place. */
  readonly replaces?: string;
}

/** The bytes of manifest.json. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const version = manifest.parent || manifest.patches || manifest.replaces ? VERSION : 1;
  const body = `${canonicalJson({ ...manifest, format: FORMAT, version })}\n`;
  const checksum = checksumOf(new TextEncoder().encode(body));
  return new TextEncoder().encode(`{"checksum":"${checksum}",${body.slice(1)}`);
}

/** The checksum a manifest's bytes begin with; "" when they do not. */
export function manifestChecksum(data: Uint8Array): string {
  return HEAD.exec(new TextDecoder("latin1").decode(data.subarray(0, HEAD_BYTES)))?.[1] ?? "";
}

/**
 * Checks and reads the bytes of a manifest.json found at `path`.
 * @throws checkpoint_damaged when the checksum or the shape is wrong; checkpoint_mismatch when a newer version wrote it
 */
export function decodeManifest(data: Uint8Array, path: string): Manifest {
  const checksum = manifestChecksum(data);
  const body = new Uint8Array(data.subarray(HEAD_BYTES - 1));
  body[0] = 0x7b;
  if (checksum !== checksumOf(body)) throw damaged(path, "its checksum does not fit its text");
  const manifest = parseJson(body, path);
  if (!isRecord(manifest) || manifest.format !== FORMAT) throw damaged(path, `it is not a ${FORMAT}`);
  if (manifest.version !== 1 && manifest.version !== VERSION) throw newer(path, manifest.version);
  if (!isManifest(manifest)) throw damaged(path, "a field is missing or of the wrong kind");
  return manifest;
}

function parseJson(text: Uint8Array, path: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(text));
  } catch (error) {
    throw damaged(path, (error as Error).message);
  }
}

function isManifest(value: Record<string, unknown>): value is Record<string, unknown> & Manifest {
  return (
    Number.isSafeInteger(value.examples) &&
    (value.spec_hash === null || typeof value.spec_hash === "string") &&
    isRecord(value.meta) &&
    Array.isArray(value.files) &&
    value.files.every(isFileEntry) &&
    (value.parent === undefined || isParent(value.parent)) &&
    (value.patches === undefined || (Array.isArray(value.patches) && value.patches.every(isTensorSpec))) &&
    (value.replaces === undefined || typeof value.replaces === "string")
  );
}

function isParent(value: unknown): value is ParentRef {
  return isRecord(value) && Number.isSafeInteger(value.examples) && typeof value.checksum === "string";
}

function isTensorSpec(value: unknown): value is TensorSpec {
  return isRecord(value) && typeof value.name === "string" && isDtype(value.dtype) && isShape(value.shape);
}

function isFileEntry(value: unknown): value is FileEntry {
  return (
    isRecord(value) &&
    typeof value.name === "string" &&
    /^[^/\\\0]*\.safetensors$/.test(value.name) &&
    Number.isSafeInteger(value.bytes) &&
    typeof value.xxh64 === "string" &&
    Array.isArray(value.blocks) &&
    value.blocks.every(isBlockEntry)
  );
}

function isBlockEntry(value: unknown): value is BlockEntry {
  return (
    isTensorSpec(value) &&
    "chunks" in value &&
    Array.isArray(value.chunks) &&
    value.chunks.every((chunk) => typeof chunk === "string")
  );
}

function damaged(path: string, reason: string): HashbrookError {
  return new HashbrookError("checkpoint_damaged", `${path}: damaged: ${reason}`);
}

function newer(path: string, version: unknown): HashbrookError {
  const message = `${path}: checkpoint format version ${JSON.stringify(version)}; this Hashbrook reads versions 1 and ${VERSION}`;
  return new HashbrookError("checkpoint_mismatch", message, {
    hint: "Use the Hashbrook that wrote it, or a newer one.",
  });
}
