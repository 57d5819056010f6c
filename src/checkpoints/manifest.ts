import { HashbrookError } from "../core/errors.js";
import { canonicalJson } from "../core/hash.js";
import { type Immutable, type Static, Type } from "../schema/typebox.js";
import { validator } from "../schema/validator.js";
import { checksumOf } from "./checksum.js";
import { tensorProperties } from "./safetensors.js";

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

const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

const Tensor = Type.Object({ name: Type.String(), ...tensorProperties });

const Entry = Type.Object({
  ...Tensor.properties,
  /** XXH64 of each 16 MiB of the block's bytes, the last one shorter; none for an empty block. */
  chunks: Type.Array(Type.String()),
});

const File = Type.Object({
  name: Type.String({ pattern: "^[^/\\\\\\0]*\\.safetensors$" }),
  bytes: Count,
  /** XXH64 of the whole file. */
  xxh64: Type.String(),
  blocks: Type.Array(Entry),
});

const Parent = Type.Object({
  examples: Count,
  /** The checksum of its manifest. */
  checksum: Type.String(),
});

/** Everything but `meta`. */
const Described = Type.Object({
  /** Examples learned from when the checkpoint was taken. */
  examples: Count,
  spec_hash: Type.Union([Type.String(), Type.Null()]),
  files: Type.Array(File),
  /** The checkpoint that the patches change; absent if they change zeros (or there are none). */
  parent: Type.Optional(Parent),
  /** Blocks of which only changed rows are stored: their names, dtypes and shapes when the patch is applied. */
  patches: Type.Optional(Type.Array(Tensor)),
  /**
   * Checksum of the increment that this compacted checkpoint replaces: references to that one as a parent apply to
   * this.
   */
  replaces: Type.Optional(Type.String()),
});

export type BlockEntry = Immutable<Static<typeof Entry>>;
export type FileEntry = Immutable<Static<typeof File>>;
/** A checkpoint that an increment builds on. */
export type ParentRef = Immutable<Static<typeof Parent>>;
export interface Manifest extends Immutable<Static<typeof Described>> {
  readonly meta: { readonly [key: string]: JsonValue };
}

const manifestOf = validator(Type.Unsafe<Manifest>(Type.Object({ ...Described.properties, meta: Type.Object({}) })));
const versionOf = validator(Type.Object({ format: Type.Literal(FORMAT), version: Type.Unknown() }));

/** The bytes of manifest.json. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const version = manifest.parent || manifest.patches || manifest.replaces ? VERSION : 1;
  const body = `${canonicalJson({ ...manifest, format: FORMAT, version })}\n`;
  const checksum = checksumOf(new TextEncoder().encode(body));
  return new TextEncoder().encode(`{"checksum":"${checksum}",${body.slice(1)}`);
}

/** The checksum at the start of a manifest's bytes; "" if there is none. */
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
  if (checksum !== checksumOf(body)) throw damaged(path, "its content does not match its checksum");
  const manifest = parseJson(body, path);
  const { version } = versionOf(manifest, () => damaged(path, `it is not a ${FORMAT}`));
  if (version !== 1 && version !== VERSION) throw newer(path, version);
  return manifestOf(manifest, (what) => damaged(path, what));
}

function parseJson(text: Uint8Array, path: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(text));
  } catch (error) {
    throw damaged(path, (error as Error).message);
  }
}

function damaged(path: string, reason: string): HashbrookError {
  return new HashbrookError("checkpoint_damaged", `${path}: damaged: ${reason}`);
}

function newer(path: string, version: unknown): HashbrookError {
  const message = `${path}: checkpoint format version ${JSON.stringify(version)}; this Hashbrook reads versions 1 and ${VERSION}`;
  return new HashbrookError("checkpoint_mismatch", message, {
    hint: "use the Hashbrook version that wrote it, or a newer one",
  });
}
