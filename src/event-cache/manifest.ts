import { writeFileAtomically } from "../core/atomic-file.js";
import { HashbrookError } from "../core/errors.js";
import { type Files, nodeFiles, readWhole } from "../core/files.js";
import { canonicalJson, hex64 } from "../core/hash.js";
import { xxh64 } from "../kernels/hash.js";
import { closed } from "../schema/basics.js";
import { type Static, Type } from "../schema/typebox.js";
import { validator } from "../schema/validator.js";
import type { DecodeIdentity } from "../spec/decode-identity.js";
import { manifestFile, refuseMissing } from "./names.js";

/** The format that this version writes. It also reads the first one, which stores the keys of all crosses. */
export const CACHE_VERSION = 2;
const FIRST_VERSION = 1;

const whole = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const text = Type.String();
const hex = Type.String({ pattern: "^[0-9a-f]{16}$" });

const CachedFile = Type.Object(
  {
    /** The name as given, and the name a checkpoint knows it by. */
    name: text,
    id: text,
    /** Size on disk; null where it has none. */
    stored: Type.Union([whole, Type.Null()]),
    /** Time of the last change, ms since 1970; null if unknown. */
    modified: Type.Union([Type.Number(), Type.Null()]),
    repeatable: Type.Boolean(),
    /** Its first 64 KiB, deflated, in the file `heads`: offset, size there, and original size. */
    head: Type.Tuple([whole, whole, whole]),
    /** Its end: bytes of its decompressed content, and lines. */
    offset: whole,
    row: whole,
    rows: whole,
    rejected: whole,
  },
  closed,
);

const Manifest = Type.Object(
  {
    format: Type.Literal("hashbrook-event-cache"),
    version: Type.Union([Type.Literal(FIRST_VERSION), Type.Literal(CACHE_VERSION)]),
    /** The model's name in the spec it was made with. */
    made_for: text,
    decode: Type.Object({ hash: hex, value: Type.Unsafe<DecodeIdentity["value"]>(Type.Object({})) }, closed),
    /** Rows of a block, at most. */
    capacity: whole,
    /** Columns and paths whose texts are kept of every row. */
    kept: Type.Array(text),
    rows: whole,
    rejected: whole,
    rejected_by_code: Type.Record(text, whole),
    files: Type.Array(CachedFile, { minItems: 1 }),
    /** In order: file, rows, bytes, XXH64 of them, and where the first row begins: offset and line. */
    blocks: Type.Array(Type.Tuple([whole, whole, whole, hex, whole, whole])),
    /** XXH64 of the file `heads`. */
    heads: hex,
    /** XXH64 of the canonical JSON of everything else. */
    checksum: hex,
  },
  closed,
);

/** What `cache.json` says. */
export type CacheManifest = Static<typeof Manifest>;
export type CachedFile = Static<typeof CachedFile>;

/** One block, as described by the manifest. */
export interface BlockPlace {
  readonly number: number;
  readonly file: number;
  readonly rows: number;
  /** In the file `events`. */
  readonly at: number;
  readonly bytes: number;
  readonly checksum: string;
  /** Where its first row begins. */
  readonly offset: number;
  readonly row: number;
}

const manifestOf = validator(Manifest);

/** Writes the manifest, which makes a cache complete. */
export function writeManifest(files: Files, directory: string, manifest: Omit<CacheManifest, "checksum">): void {
  const whole = { ...manifest, checksum: checksumOf(manifest) };
  writeFileAtomically(files, manifestFile(directory), new TextEncoder().encode(canonicalJson(whole)));
}

/**
 * Reads a cache's manifest.
 * @throws HashbrookError cache_missing; cache_damaged; cache_mismatch if another version wrote it
 */
export function readManifest(directory: string): CacheManifest {
  const path = manifestFile(directory);
  refuseMissing(directory);
  const value = parsed(path, readWhole(nodeFiles, path));
  const { version } = value as { version?: unknown };
  if (Number.isInteger(version) && version !== FIRST_VERSION && version !== CACHE_VERSION)
    throw otherVersion(directory, version as number);
  const manifest = manifestOf(value, (what) => damaged(path, what));
  const { checksum, ...rest } = manifest;
  if (checksumOf(rest) !== checksum) throw damaged(path, "its content does not match its checksum");
  return manifest;
}

/** Whether its blocks may leave out crosses, whose parts follow then. */
export const leavesOutCrosses = ({ version }: CacheManifest): boolean => version > FIRST_VERSION;

/** The blocks, in order. */
export function blocksOf({ blocks }: CacheManifest): BlockPlace[] {
  let at = 0;
  return blocks.map(([file, rows, bytes, checksum, offset, row], number) => {
    const place = { number, file, rows, at, bytes, checksum, offset, row };
    at += bytes;
    return place;
  });
}

/** The error for a damaged part of a cache. @param file its path */
export function damaged(file: string, what: string, cause?: unknown): HashbrookError {
  return new HashbrookError("cache_damaged", `${file}: ${what}`, {
    hint: "the cache was changed or truncated after it was written: remove it and make it again (hashbrook cache), or use the data itself",
    cause,
  });
}

function otherVersion(directory: string, version: number): HashbrookError {
  const message = `${directory}: cache format version ${version}; this Hashbrook reads versions ${FIRST_VERSION} and ${CACHE_VERSION}`;
  return new HashbrookError("cache_mismatch", message, {
    hint: "make it again with this version of Hashbrook: hashbrook cache",
  });
}

function parsed(path: string, bytes: Uint8Array): object {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof value === "object" && value !== null) return value;
  } catch (cause) {
    throw damaged(path, "not JSON", cause);
  }
  throw damaged(path, "not an object");
}

const checksumOf = (manifest: Omit<CacheManifest, "checksum">): string => hex64(xxh64(canonicalJson(manifest)));
