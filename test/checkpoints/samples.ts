import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import type { CheckpointContent } from "../../src/checkpoints/checkpoint.js";
import { type Block, bytesOf, type Dtype } from "../../src/core/blocks.js";
import { HashbrookError } from "../../src/core/errors.js";
import { type Files, nodeFiles, withFile } from "../../src/core/files.js";

/** A directory that is removed after the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "hashbrook-"));
  directories.push(directory);
  return directory;
}

const directories: string[] = [];

afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/** The real file system without syncs: for tests in which processes are killed but the power stays on. */
export const quickFiles: Files = { ...nodeFiles, fsync: () => {}, syncDirectory: () => {} };

/** All bytes of a file. */
export function readAll(files: Files, path: string): Uint8Array {
  const data = new Uint8Array(files.stat(path)!.bytes);
  withFile(files, path, "r", (file) => files.read(file, data, 0));
  return data;
}

/** Replaces a file's content. */
export function writeAll(files: Files, path: string, data: Uint8Array): void {
  withFile(files, path, "w", (file) => files.write(file, data, 0));
}

export function block(name: string, dtype: Dtype, shape: number[], view: ArrayBufferView): Block {
  return { name, dtype, shape, data: bytesOf(view) };
}

/** A small model's state; `step` varies every block. */
export function content(step: number): CheckpointContent {
  return {
    meta: {
      spec_hash: "00000000deadbeef",
      position: { file: 0, offset: step * 261 },
      counters: { rejected: step, rate: 0.1 },
    },
    blocks: [
      block(
        "table/ids/rows",
        "U8",
        [3, 5],
        Uint8Array.from({ length: 15 }, (_, i) => i * step),
      ),
      block("table/ids/sketch", "U32", [2], Uint32Array.of(step, 7)),
      block("dense/W0", "F32", [2, 3], Float32Array.of(step, -1.5, 0, 1e-30, 3, step / 7)),
      block("dense/b0", "F64", [], Float64Array.of(step + 0.5)),
      block("metrics/auc", "U64", [2], BigUint64Array.of(BigInt(step), 2n ** 63n)),
      block("metrics/none", "I32", [0, 4], new Int32Array(0)),
    ],
  };
}

/** The blocks in a canonical order. */
export function sorted(blocks: readonly Block[]): Block[] {
  return [...blocks].sort((a, b) => (a.name < b.name ? -1 : 1)).map((b) => ({ ...b, data: Uint8Array.from(b.data) }));
}

/** The HashbrookError that `run` throws; fails if it throws none. */
export function errorOf(run: () => unknown): HashbrookError {
  try {
    run();
  } catch (error) {
    if (error instanceof HashbrookError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
