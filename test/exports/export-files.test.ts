import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { readSafetensorsLayout } from "../../src/checkpoints/safetensors.js";
import { bytesOf } from "../../src/core/blocks.js";
import { nodeFiles, withFile } from "../../src/core/files.js";
import { decodeNpy } from "../../src/core/npy.js";
import {
  type ExportChunk,
  exportFile,
  exportTable,
  exportTableSteps,
  type TableRows,
} from "../../src/exports/export-files.js";
import { FaultyFiles } from "../checkpoints/faulty-files.js";
import { errorOf, quickFiles, temporaryDirectory } from "../checkpoints/samples.js";
import fc from "../properties.js";

/** Rows [0, rows) in chunks of the given sizes; one pair of arrays is reused, as a table's memory would be. */
function* chunksOf(rows: number, dim: number, size: number): Iterable<ExportChunk> {
  const keys = new BigUint64Array(size);
  const weights = new Float32Array(size * dim);
  for (let start = 0; start < rows; start += size) {
    const count = Math.min(size, rows - start);
    for (let i = 0; i < count; i++) keys[i] = 2n ** 63n + BigInt(start + i);
    for (let i = 0; i < count * dim; i++) weights[i] = start * dim + i + 0.5;
    yield { keys: keys.subarray(0, count), weights: weights.subarray(0, count * dim) };
  }
}

function table(rows: number, dim: number, size: number, name = "ids"): TableRows {
  return { name, rows, dim, chunks: chunksOf(rows, dim, size) };
}

const allKeys = (rows: number) => bytesOf(BigUint64Array.from({ length: rows }, (_, i) => 2n ** 63n + BigInt(i)));
const allWeights = (count: number) => bytesOf(Float32Array.from({ length: count }, (_, i) => i + 0.5));

describe("exportTable", () => {
  it("writes the same keys and weights in both formats, for any chunks", () => {
    const directory = temporaryDirectory();
    fc.assert(
      fc.property(fc.nat(50), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 60 }), (rows, dim, size) => {
        const paths = exportTable(directory, table(rows, dim, size), undefined, quickFiles);
        expect(paths).toEqual(
          ["ids.safetensors", "ids.keys.npy", "ids.weights.npy"].map((name) => join(directory, name)),
        );
        const [file, keys, weights] = paths.map((path) => readFileSync(path));
        expect(decodeNpy(keys)).toEqual({ dtype: "U64", shape: [rows], data: allKeys(rows) });
        expect(decodeNpy(weights)).toEqual({ dtype: "F32", shape: [rows, dim], data: allWeights(rows * dim) });
        const read = (handle: number) => readSafetensorsLayout(nodeFiles, handle, file.byteLength, paths[0]);
        const { tensors } = withFile(nodeFiles, paths[0], "r", read);
        const tensor = (name: string) => tensors.find((one) => one.name === name)!;
        const data = (name: string) => file.subarray(tensor(name).offset, tensor(name).offset + tensor(name).bytes);
        expect(tensor("weights")).toMatchObject({ dtype: "F32", shape: [rows, dim] });
        expect(data("keys").equals(allKeys(rows))).toBe(true);
        expect(data("weights").equals(allWeights(rows * dim))).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it("keeps existing files, and leaves no others, if it is stopped between two chunks", () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "ids.safetensors"), "yesterday");
    const steps = exportTableSteps(directory, table(6, 2, 2));
    steps.next();
    expect(readdirSync(directory)).toContainEqual(expect.stringMatching(/^\.ids\.keys\.npy\..*\.tmp$/));
    steps.return([]);
    expect(readdirSync(directory)).toEqual(["ids.safetensors"]);
    expect(readFileSync(join(directory, "ids.safetensors"), "utf8")).toBe("yesterday");
  });

  it("writes only the requested formats, under valid file names", () => {
    const directory = temporaryDirectory();
    exportTable(directory, table(3, 2, 2, "user/id"), ["npy"]);
    expect(readdirSync(directory)).toEqual(["user%2Fid.keys.npy", "user%2Fid.weights.npy"]);
  });

  it("leaves no file if the chunks have fewer or more rows than declared", () => {
    const directory = temporaryDirectory();
    for (const rows of [4, 6]) {
      const error = errorOf(() => exportTable(directory, { ...table(rows, 2, 3), rows: 5 }));
      expect([error.code, error.message]).toEqual(["internal", expect.stringContaining("expected 5 rows of dim 2")]);
      expect(readdirSync(directory)).toEqual([]);
    }
  });

  it.each(["ENOSPC", "EIO", "short"] as const)(
    "keeps existing files, and cleans up, with %s at every operation",
    (fault) => {
      for (let at = 1; ; at++) {
        const directory = temporaryDirectory();
        exportTable(directory, table(2, 2, 2), undefined, quickFiles);
        const faulty = new FaultyFiles(quickFiles, fault, at);
        const run = () => exportTable(directory, table(9, 2, 4), ["safetensors", "npy"], faulty.files);
        if (completes(run)) break;
        expect(readdirSync(directory)).toEqual(["ids.keys.npy", "ids.safetensors", "ids.weights.npy"]);
        const rows = decodeNpy(readFileSync(join(directory, "ids.weights.npy"))).shape[0];
        if (!faulty.trace[at - 1].match(/rename|syncDirectory/)) expect(rows).toBe(2);
      }
    },
  );
});

/** False if it failed with the error of a failed write. */
function completes(run: () => void): boolean {
  try {
    run();
    return true;
  } catch (error) {
    expect(error).toHaveProperty("code", "checkpoint_write");
    return false;
  }
}

describe("exportFile", () => {
  it("writes a file atomically, in a directory that it creates, replacing an older one", () => {
    const path = join(temporaryDirectory(), "model", "tower.onnx");
    exportFile(path, Uint8Array.of(1, 2, 3));
    exportFile(path, Uint8Array.of(4));
    expect([...readFileSync(path)]).toEqual([4]);
    expect(readdirSync(join(path, ".."))).toEqual(["tower.onnx"]);
  });

  it("keeps the older file on failure", () => {
    const path = join(temporaryDirectory(), "tower.onnx");
    writeFileSync(path, "old");
    const rename = vi.spyOn(nodeFiles, "rename").mockImplementationOnce(() => {
      throw Object.assign(new Error("no space"), { code: "ENOSPC" });
    });
    expect(errorOf(() => exportFile(path, Uint8Array.of(1))).code).toBe("checkpoint_write");
    expect(rename).toHaveBeenCalledOnce();
    rename.mockRestore();
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(readdirSync(join(path, ".."))).toEqual(["tower.onnx"]);
  });
});
