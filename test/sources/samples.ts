import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as zlib from "node:zlib";
import { afterAll } from "vitest";
import { Rng } from "../../src/core/rng.js";

/** A temporary folder for this test file, removed afterwards. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "hashbrook-source-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** `bytes` bytes of lines that do not compress well. */
export function sampleLines(bytes: number, seed: number): Buffer {
  const rng = new Rng(seed);
  return Buffer.from(Array.from({ length: bytes }, () => (rng.below(20) === 0 ? 10 : 33 + rng.below(90))));
}

/** Node's zstd, if it has one. */
export const zstdCompress = (zlib as unknown as { zstdCompressSync?: (bytes: Uint8Array) => Buffer }).zstdCompressSync;
