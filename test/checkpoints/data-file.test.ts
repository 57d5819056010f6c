import { expect, it } from "vitest";
import { checksumOf } from "../../src/checkpoints/checksum.js";
import { groupByFile, streamFile } from "../../src/checkpoints/data-file.js";
import { CHUNK_BYTES } from "../../src/checkpoints/manifest.js";
import { block } from "./samples.js";

const scalar = (name: string) => block(name, "U8", [], Uint8Array.of(1));

it("groups each table into a separate file, and each other group into one", () => {
  const names = [
    "metrics/auc",
    "table/b/rows",
    "dense/W0",
    "table/a/rows",
    "dense/W0/n",
    "table/a/x/y",
    "rng",
    "table/ä b/rows",
  ];
  expect(groupByFile(names.map(scalar)).map(([file, blocks]) => [file, blocks.map(({ name }) => name)])).toEqual([
    ["dense.safetensors", ["dense/W0", "dense/W0/n"]],
    ["metrics.safetensors", ["metrics/auc"]],
    ["rng.safetensors", ["rng"]],
    ["table-%C3%A4%20b.safetensors", ["table/ä b/rows"]],
    ["table-a.safetensors", ["table/a/rows", "table/a/x/y"]],
    ["table-b.safetensors", ["table/b/rows"]],
  ]);
});

it("streams the file with the returned checksums and size, slices being views of the blocks", () => {
  const data = Uint8Array.from({ length: CHUNK_BYTES + 5 }, (_, i) => i ^ (i >> 8));
  const slices: Uint8Array[] = [];
  const entry = streamFile("a.safetensors", [block("a", "U8", [data.length], data)], (slice) => slices.push(slice));
  const file = Buffer.concat(slices);
  expect(entry).toEqual({
    name: "a.safetensors",
    bytes: file.byteLength,
    xxh64: checksumOf(file),
    blocks: [
      {
        name: "a",
        dtype: "U8",
        shape: [data.length],
        chunks: [checksumOf(data.subarray(0, CHUNK_BYTES)), checksumOf(data.subarray(CHUNK_BYTES))],
      },
    ],
  });
  expect(slices.slice(1).every((slice) => slice.buffer === data.buffer)).toBe(true);
  expect(file.subarray(-data.length).equals(data)).toBe(true);
});
