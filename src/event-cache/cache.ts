import { resolve } from "node:path";
import { inflateRawSync } from "node:zlib";
import { HashbrookError } from "../core/errors.js";
import { nodeFiles, readFully, readWhole, withFile } from "../core/files.js";
import { hex64 } from "../core/hash.js";
import type { RejectCode } from "../decode/decoder.js";
import { xxh64 } from "../kernels/hash.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { decodeIdentity, identityDifference } from "../spec/decode-identity.js";
import { type BlockPlace, blocksOf, type CacheManifest, damaged, readManifest } from "./manifest.js";
import { eventsFile, headsFile } from "./names.js";

/** Reject codes of rows that could still be scored. */
const ofLabels = new Set<string>([
  "bad_label",
  "unknown_label",
  "bad_weight",
  "missing_time",
  "bad_time",
  "impossible_time",
  "missing_id",
] satisfies RejectCode[]);

/**
 * An event cache that exists and is complete, judging by its manifest and its files' sizes; blocks are verified as they
 * are read.
 */
export class EventCache {
  readonly directory: string;
  readonly manifest: CacheManifest;
  readonly blocks: readonly BlockPlace[];
  /** Bytes of the largest block. */
  readonly mostBytes: number;
  /** Of all files. */
  readonly bytes: number;
  private heads: Uint8Array | undefined;

  /** @throws HashbrookError cache_missing, cache_damaged, cache_mismatch */
  constructor(directory: string) {
    this.directory = resolve(directory);
    this.manifest = readManifest(directory);
    this.blocks = blocksOf(this.manifest);
    this.mostBytes = this.blocks.reduce((most, { bytes }) => Math.max(most, bytes), 0);
    this.bytes = this.blocks.reduce((sum, { bytes }) => sum + bytes, 0);
    const there = nodeFiles.stat(eventsFile(directory))?.bytes;
    const expected = `expected ${this.bytes}`;
    if (there === undefined) throw damaged(eventsFile(directory), "missing");
    if (there !== this.bytes) throw damaged(eventsFile(directory), `has ${there} bytes, ${expected}`);
  }

  /**
   * Rejects a spec that decodes events differently from the one the cache was made with.
   * @throws HashbrookError cache_mismatch, naming what differs
   */
  refuseOther(spec: CompiledSpec): void {
    const { decode, made_for } = this.manifest;
    const wanted = decodeIdentity(spec);
    if (decode.hash === wanted.hash) return;
    const difference = identityDifference(decode, wanted);
    throw new HashbrookError(
      "cache_mismatch",
      `${this.directory}: was made for ${made_for}, which decodes events differently from ${spec.name}: ${difference}`,
      { hint: "make a cache for this spec: hashbrook cache --model SPEC --data FILES --out DIR" },
    );
  }

  /** @throws HashbrookError cache_mismatch if the texts of a wanted column were not kept */
  refuseMissing(wanted: readonly string[]): void {
    const { kept } = this.manifest;
    const missing = wanted.filter((name) => !kept.includes(name));
    if (missing.length === 0) return;
    throw new HashbrookError(
      "cache_mismatch",
      `${this.directory}: does not contain the texts of ${missing.join(", ")}`,
      {
        hint: `make it again with --texts ${missing.join(" ")}, or use the data itself`,
      },
    );
  }

  /**
   * For scoring, which needs neither label nor weight, time or id: rejects a cache that lacks rows that only these made
   * malformed.
   * @throws HashbrookError cache_mismatch
   */
  refuseUnlabelled(): void {
    const { rejected_by_code: codes } = this.manifest;
    const code = Object.keys(codes).find((name) => ofLabels.has(name));
    if (code === undefined) return;
    const message = `${this.directory}: lacks ${codes[code]} events (${code}) that could be scored`;
    throw new HashbrookError("cache_mismatch", message, { hint: "predict from the data itself" });
  }

  /** The first 64 KiB of a file's content. @throws HashbrookError cache_damaged */
  head(file: number): Uint8Array {
    const path = headsFile(this.directory);
    if (!this.heads) {
      const bytes = nodeFiles.stat(path) ? readWhole(nodeFiles, path) : new Uint8Array(0);
      if (hex64(xxh64(bytes)) !== this.manifest.heads) throw damaged(path, "its content does not match its checksum");
      this.heads = bytes;
    }
    const [at, bytes] = this.manifest.files[file].head;
    return inflateRawSync(this.heads.subarray(at, at + bytes));
  }

  /** The blocks of a file, in order. */
  blocksOf(file: number): readonly BlockPlace[] {
    return this.blocks.filter((block) => block.file === file);
  }

  /**
   * Reads a block.
   * @param file the open file of blocks
   * @param hash gives the XXH64 of `into`
   * @throws HashbrookError cache_damaged, naming it
   */
  readBlock(file: number, place: BlockPlace, into: Uint8Array, hash = () => xxh64(into)): void {
    const { number, at, bytes, checksum } = place;
    if (readFully(nodeFiles, file, into, at) === bytes && hex64(hash()) === checksum) return;
    const what = `block ${number} (bytes ${at} to ${at + bytes}) does not match its checksum`;
    throw damaged(eventsFile(this.directory), what);
  }

  /** Verifies all content. @throws HashbrookError cache_damaged */
  verify(): void {
    this.head(0);
    const bytes = new Uint8Array(this.mostBytes);
    withFile(nodeFiles, eventsFile(this.directory), "r", (file) => {
      for (const block of this.blocks) this.readBlock(file, block, bytes.subarray(0, block.bytes));
    });
  }
}
