import { expect, test } from "vitest";
import xxhash from "xxhash-wasm";
import { canonicalJson, fromHex64, hex64 } from "../../src/core/hash.js";
import { xxh64 } from "../../src/kernels/hash.js";
import fc from "../properties.js";

const PRIME32 = 2654435761n;

/** xxHash's sanity buffer. */
function sanityBuffer(length: number): Uint8Array {
  let generator = PRIME32;
  return Uint8Array.from({ length }, () => {
    const byte = Number(generator >> 56n);
    generator = BigInt.asUintN(64, generator * 11400714785074694797n);
    return byte;
  });
}

test.each([
  [0, 0n, 0xef46db3751d8e999n],
  [0, PRIME32, 0xac75fda2929b17efn],
  [1, 0n, 0xe934a84adb052768n],
  [1, PRIME32, 0x5014607643a9b4c3n],
  [4, 0n, 0x9136a0dca57457een],
  [14, PRIME32, 0xc3bd6bf63deb6df0n],
  [222, 0n, 0xb641ae8cb691c174n],
  [222, PRIME32, 0x20cb8ab7ae10c14an],
])("xxHash's reference vectors: %i bytes, seed %i", (length, seed, hash) => {
  expect(xxh64(sanityBuffer(length), seed)).toBe(hash);
});

test("a text is hashed as its UTF-8 bytes, as xxhash-wasm does", async () => {
  const { h64Raw } = await xxhash();
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (text, seed) => {
      expect(xxh64(text, seed)).toBe(h64Raw(new TextEncoder().encode(text), seed));
    }),
  );
});

test("bytes of every length, also longer than a chunk, hash as in xxhash-wasm, with any seed", async () => {
  const { h64Raw } = await xxhash();
  for (const length of [...Array(300).keys(), 2 ** 20 - 1, 2 ** 20, 2 ** 20 + 33]) {
    const bytes = sanityBuffer(length);
    expect(xxh64(bytes, 2n ** 64n - 3n), `${length} bytes`).toBe(h64Raw(bytes, 2n ** 64n - 3n));
  }
});

test("hex has 16 digits and round-trips", () => {
  expect(hex64(5n)).toBe("0000000000000005");
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => fromHex64(hex64(value)) === value));
});

test("canonical JSON sorts keys at every depth and writes the shortest numbers", () => {
  expect(canonicalJson({ b: [{ y: 1e21, x: 0.1 }], a: 1.0, B: null, é: -0 })).toBe(
    '{"B":null,"a":1,"b":[{"x":0.1,"y":1e+21}],"é":0}',
  );
});
