import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  readSafetensorsLayout,
  type SafetensorsLayout,
  safetensorsLayout,
  tensorBytes,
} from "../../src/checkpoints/safetensors.js";
import { type Dtype, dtypeBytes } from "../../src/core/blocks.js";
import { nodeFiles, withFile } from "../../src/core/files.js";
import fc from "../properties.js";
import { errorOf, temporaryDirectory } from "./samples.js";

const dtypes = Object.keys(dtypeBytes) as Dtype[];

function read(data: Uint8Array): SafetensorsLayout {
  const path = join(temporaryDirectory(), "x.safetensors");
  writeFileSync(path, data);
  return withFile(nodeFiles, path, "r", (file) => readSafetensorsLayout(nodeFiles, file, data.byteLength, path));
}

/** A file with this header text, a header length (default: the text's), and zeros for data. */
function file(header: string, dataBytes = 0, length = BigInt(Buffer.byteLength(header))): Uint8Array {
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(length);
  return Buffer.concat([prefix, Buffer.from(header), Buffer.alloc(dataBytes)]);
}

function withHeader(tensors: unknown, dataBytes = 0): Uint8Array {
  return file(JSON.stringify(tensors), dataBytes);
}

describe("safetensorsLayout", () => {
  it("has the format's layout: length, JSON padded with spaces, wide elements first", () => {
    const layout = safetensorsLayout([
      { name: "b", dtype: "U8", shape: [3] },
      { name: "a", dtype: "F32", shape: [2, 2] },
      { name: "c", dtype: "U64", shape: [] },
    ]);
    const json =
      '{"c":{"dtype":"U64","shape":[],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2,2],"data_offsets":[8,24]},' +
      '"b":{"dtype":"U8","shape":[3],"data_offsets":[24,27]}}';
    const length = Number(new DataView(layout.header.buffer).getBigUint64(0, true));
    expect(length % 8).toBe(0);
    expect(new TextDecoder().decode(layout.header.subarray(8))).toBe(json.padEnd(length, " "));
    expect(layout.bytes).toBe(8 + length + 27);
  });

  it("survives a round trip, aligned", () => {
    const tensor = fc.record({
      name: fc.string(),
      dtype: fc.constantFrom(...dtypes),
      shape: fc.array(fc.nat(5), { maxLength: 4 }),
    });
    const tensors = fc.uniqueArray(tensor, { selector: ({ name }) => name });
    fc.assert(
      fc.property(
        tensors.filter((all) => all.every(({ name }) => name !== "__metadata__")),
        (all) => {
          const layout = safetensorsLayout(all);
          const found = read(Buffer.concat([layout.header, Buffer.alloc(layout.bytes - layout.header.byteLength)]));
          const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
          expect(found.tensors.toSorted(byName)).toEqual(layout.tensors.toSorted(byName));
          for (const { dtype, shape, offset, bytes } of found.tensors) {
            expect(offset % dtypeBytes[dtype]).toBe(0);
            expect(bytes).toBe(tensorBytes({ dtype, shape }));
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it("places tensors beyond 4 GiB", () => {
    const layout = safetensorsLayout([
      { name: "a", dtype: "F32", shape: [2 ** 28, 5] },
      { name: "b", dtype: "F32", shape: [1] },
    ]);
    expect(layout.tensors[1].offset - layout.header.byteLength).toBe(5 * 2 ** 30);
  });

  it.each([[[-1]], [[1.5]], [[2 ** 40, 2 ** 40]], [[Number.NaN]]])("refuses the shape %j", (shape) => {
    expect(errorOf(() => safetensorsLayout([{ name: "a", dtype: "F32", shape }])).code).toBe("internal");
  });
});

describe("a malicious file is refused, without allocating what it claims", () => {
  const f32 = (shape: unknown, offsets: unknown) => ({ a: { dtype: "F32", shape, data_offsets: offsets } });
  it.each<[string, Uint8Array]>([
    ["empty", new Uint8Array(0)],
    ["only a length", file("", 0, 0n)],
    ["header longer than the file", file("{}", 0, 3n)],
    ["header of 2^63 bytes", file("{}", 0, 2n ** 63n)],
    ["header of 100 MB", file("{}", 64, 100_000_000n)],
    ["header longer than the limit", file(" ".repeat((8 << 20) + 1))],
    ["not JSON", file("{]")],
    ["not UTF-8", Buffer.concat([file('{"')].map((b) => Buffer.concat([b.subarray(0, 9), Buffer.of(0xff)])))],
    ["a list", file("[]")],
    ["null", file("null")],
    ["nested 100,000 deep", file(`${"[".repeat(100_000)}${"]".repeat(100_000)}`)],
    ["a tensor that is no object", withHeader({ a: 1 })],
    ["no dtype", withHeader({ a: { shape: [1], data_offsets: [0, 4] } }, 4)],
    ["an unknown dtype", withHeader({ a: { dtype: "F8", shape: [4], data_offsets: [0, 4] } }, 4)],
    ["a dtype of Object's", withHeader({ a: { dtype: "toString", shape: [4], data_offsets: [0, 4] } }, 4)],
    ["a negative size", withHeader(f32([-1], [0, 4]), 4)],
    ["two negative sizes", withHeader(f32([-1, -1], [0, 4]), 4)],
    ["half a size", withHeader(f32([0.5, 2], [0, 4]), 4)],
    ["a size as text", withHeader(f32(["1"], [0, 4]), 4)],
    ["a shape that overflows", withHeader(f32([2 ** 50, 2 ** 50], [0, 4]), 4)],
    ["a claim of 4 GiB", withHeader(f32([2 ** 30], [0, 2 ** 32]), 4)],
    ["negative offsets", withHeader(f32([1], [-4, 0]), 4)],
    ["offsets turned round", withHeader(f32([1], [4, 0]), 4)],
    ["one offset", withHeader(f32([1], [4]), 4)],
    ["a shape that needs other bytes", withHeader(f32([2], [0, 4]), 4)],
    ["an end beyond the file", withHeader(f32([2], [0, 8]), 4)],
    ["bytes that belong to none", withHeader(f32([1], [0, 4]), 5)],
    ["a gap", withHeader({ ...f32([1], [0, 4]), b: { dtype: "U8", shape: [1], data_offsets: [5, 6] } }, 6)],
    ["overlap", withHeader({ ...f32([1], [0, 4]), b: { dtype: "U8", shape: [2], data_offsets: [3, 5] } }, 5)],
    [
      "two tensors in one place",
      withHeader({ ...f32([1], [0, 4]), b: { dtype: "F32", shape: [1], data_offsets: [0, 4] } }, 4),
    ],
  ])("%s", (_, data) => {
    const before = process.memoryUsage().arrayBuffers;
    const error = errorOf(() => read(data));
    expect(error.code).toBe("checkpoint_damaged");
    expect(error.message).toContain("x.safetensors: not a valid safetensors file: ");
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 << 20);
  });

  it("any change of a header is refused or leaves tensors within the file", () => {
    const { header, bytes } = safetensorsLayout([
      { name: "a", dtype: "F32", shape: [2, 2] },
      { name: "b", dtype: "U8", shape: [3] },
    ]);
    const whole = Buffer.concat([header, Buffer.alloc(bytes - header.byteLength)]);
    fc.assert(
      fc.property(fc.nat(whole.byteLength - 1), fc.nat(255), (at, byte) => {
        const changed = Buffer.from(whole);
        changed[at] = byte;
        let layout: SafetensorsLayout;
        try {
          layout = read(changed);
        } catch (error) {
          expect(error).toHaveProperty("code", "checkpoint_damaged");
          return;
        }
        const total = layout.tensors.reduce((sum, tensor) => sum + tensorBytes(tensor), 0);
        expect(layout.header.byteLength + total).toBe(whole.byteLength);
      }),
      { numRuns: 500 },
    );
  });
});

it("accepts files of other writers: metadata, any order, no padding", () => {
  const header = {
    __metadata__: { format: "pt" },
    b: { dtype: "U8", shape: [1], data_offsets: [8, 9] },
    a: { dtype: "F32", shape: [2], data_offsets: [0, 8] },
  };
  expect(read(withHeader(header, 9)).tensors.map(({ name, bytes }) => [name, bytes])).toEqual([
    ["a", 8],
    ["b", 1],
  ]);
});
