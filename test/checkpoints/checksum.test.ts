import { expect, it } from "vitest";
import { Checksum, checksumOf } from "../../src/checkpoints/checksum.js";
import fc from "../properties.js";

const utf8 = (text: string) => new TextEncoder().encode(text);

// The values of the reference implementation: `xxhsum -H1` of each text.
it.each([
  ["", "ef46db3751d8e999"],
  ["a", "d24ec4f1a98c6e5b"],
  ["abc", "44bc2cf5ad770999"],
  ["Nobody inspects the spammish repetition", "fbcea83c8a378bf1"],
])("is XXH64 with seed 0: %j", (text, digest) => {
  expect(checksumOf(utf8(text))).toBe(digest);
});

it("does not depend on how the bytes are split", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 100 })), (pieces) => {
      const hash = new Checksum();
      for (const piece of pieces) hash.update(piece);
      expect(hash.digest()).toBe(checksumOf(Buffer.concat(pieces)));
    }),
  );
});

it("accepts more than its memory at once", () => {
  const data = new Uint8Array((5 << 20) + 3).fill(7);
  const [head, tail] = [data.subarray(0, 1_000_003), data.subarray(1_000_003)];
  expect(new Checksum().update(head).update(tail).digest()).toBe(checksumOf(data));
});
