import { expect, it } from "vitest";
import { AnswerReader } from "../../../src/sources/kafka/whole-answers.js";
import fc from "../../properties.js";

function answer(content: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(content.length);
  return Buffer.concat([length, content]);
}

/** The output for bytes that arrive in chunks of at most these lengths, where 16 bytes are reused. */
function read(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const found: Buffer[] = [];
  const reader = new AnswerReader((whole) => found.push(whole), 16);
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const { room } = reader;
    const piece = bytes.subarray(at, at + Math.min(room.length, lengths[i % lengths.length]));
    room.set(piece);
    at += piece.length;
    reader.read(piece.length, room);
  }
  return found;
}

const lengths = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 10 });

it("assembles whole responses from any chunks", () => {
  const answers = fc.array(fc.uint8Array({ maxLength: 100 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(answers, lengths, (contents, lengths) => {
      const sent = contents.map(answer);
      expect(read(Buffer.concat(sent), lengths)).toEqual(sent);
    }),
  );
});

it("passes on the bytes of a peer that is not a broker unchanged", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), lengths, (rest, lengths) => {
      const bytes = Buffer.concat([answer(Buffer.from("an answer")), Buffer.from("HTTP/1.1 400 Bad Request"), rest]);
      expect(Buffer.concat(read(bytes, lengths))).toEqual(bytes);
    }),
  );
});
