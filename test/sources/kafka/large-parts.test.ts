import { createRequire } from "node:module";
import { expect, it } from "vitest";
import { keepLargeParts } from "../../../src/sources/kafka/large-parts.js";
import fc from "../../properties.js";

interface Encoder {
  readonly buffer: Buffer;
  size(): number;
  writeInt32(value: number): Encoder;
  writeBytes(value: Buffer): Encoder;
  writeVarIntBytes(value: Buffer): Encoder;
  writeEncoder(value: Encoder): Encoder;
  writeArray(values: readonly Encoder[], type: "object"): Encoder;
}

const require = createRequire(import.meta.url);
const path = require.resolve("kafkajs/src/protocol/encoder");
const original = require(path) as new () => Encoder;

/** A message wrapped in a request; its bytes are also read in between, as for a checksum. */
function nested(Kind: new () => Encoder, lengths: readonly number[]): Encoder {
  const messages = lengths.map((length, i) => new Kind().writeInt32(i).writeVarIntBytes(Buffer.alloc(length, i + 1)));
  const body = new Kind().writeInt32(7).writeArray(messages, "object").writeInt32(8);
  const batch = new Kind().writeInt32(body.buffer.length).writeEncoder(body);
  return new Kind().writeInt32(batch.size()).writeBytes(batch.buffer).writeEncoder(new Kind()).writeInt32(9);
}

it("encodes requests of messages of any size to the same bytes as kafkajs", () => {
  delete require.cache[path];
  keepLargeParts();
  const keeping = require(path) as new () => Encoder;
  expect(keeping).not.toBe(original);
  const lengths = fc.array(fc.oneof(fc.nat(2000), fc.integer({ min: 65_000, max: 200_000 })), { maxLength: 5 });
  fc.assert(
    fc.property(lengths, (lengths) => {
      const [plain, kept] = [nested(original, lengths), nested(keeping, lengths)];
      expect(kept.size()).toBe(plain.size());
      expect(kept.buffer.equals(plain.buffer)).toBe(true);
    }),
    { numRuns: 50 },
  );
});
