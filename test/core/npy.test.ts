import { expect, it } from "vitest";
import { tensorBytes } from "../../src/checkpoints/safetensors.js";
import { type Dtype, dtypeBytes } from "../../src/core/blocks.js";
import { decodeNpy, npyHeader } from "../../src/core/npy.js";
import fc from "../properties.js";

// What numpy 2.4's np.save writes before the data of np.zeros((3, 2), "<f4").
it("equals what NumPy writes", () => {
  const text = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }".padEnd(117, " ");
  const expected = Buffer.concat([
    Buffer.from("\x93NUMPY\x01\x00", "latin1"),
    Buffer.of(0x76, 0),
    Buffer.from(`${text}\n`),
  ]);
  expect(Buffer.from(npyHeader("F32", [3, 2])).equals(expected)).toBe(true);
});

it("round-trips dtypes and shapes, data aligned to 64 bytes", () => {
  const dtype = fc.constantFrom(...(Object.keys(dtypeBytes) as Dtype[]));
  fc.assert(
    fc.property(dtype, fc.array(fc.nat(5), { maxLength: 5 }), (dtype, shape) => {
      const data = Uint8Array.from({ length: tensorBytes({ dtype, shape }) }, (_, i) => i);
      const header = npyHeader(dtype, shape);
      expect(header.byteLength % 64).toBe(0);
      expect(decodeNpy(Buffer.concat([header, data]))).toEqual({ dtype, shape, data });
    }),
  );
});

it("uses version 2 if the header exceeds 64 KiB", () => {
  const shape = Array.from({ length: 30_000 }, () => 1);
  const header = npyHeader("U8", shape);
  expect(header[6]).toBe(2);
  expect(decodeNpy(Buffer.concat([header, Buffer.of(9)])).shape).toEqual(shape);
});

it("refuses what it does not write", () => {
  const file = Buffer.concat([npyHeader("U8", [2]), Buffer.of(1, 2)]);
  const big = Buffer.from(file.toString("latin1").replace("|u1", ">u2"), "latin1");
  expect(() => decodeNpy(big)).toThrow("unsupported .npy header");
  expect(() => decodeNpy(file.subarray(0, -1))).toThrow("requires 2 bytes");
});
