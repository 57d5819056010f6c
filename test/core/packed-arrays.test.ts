import { expect, it } from "vitest";
import { halvesOf } from "../../src/core/bf16.js";
import { packArrays, packedPart, unpackArrays } from "../../src/core/packed-arrays.js";

it("parts that are written into place are unpacked as the arrays that they stand for", () => {
  const inner = [Float64Array.of(1, 2), Uint8Array.of(3)];
  const halves = halvesOf(Float32Array.of(1, -2, 0.5));
  const packed = packArrays({ a: 1 }, [Uint8Array.of(7), packedPart("inside", inner), halves, Buffer.from("xyz")]);
  const { head, arrays } = unpackArrays(packed);
  expect(head).toEqual({ a: 1 });
  expect(arrays[0]).toEqual(Uint8Array.of(7));
  expect(arrays[1]).toEqual(packArrays("inside", inner));
  expect(arrays[2]).toEqual(Uint16Array.of(0x3f80, 0xc000, 0x3f00));
  expect(arrays[3]).toEqual(Uint8Array.from(Buffer.from("xyz")));
  expect(unpackArrays(packed, true).arrays).toEqual(arrays);
});
