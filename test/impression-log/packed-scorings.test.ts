import { expect, it } from "vitest";
import type { Scoring } from "../../src/impression-log/compose.js";
import { packScorings, unpackScorings } from "../../src/impression-log/packed-scorings.js";
import fc from "../properties.js";

const numbers = fc.array(fc.float({ min: 0, max: 1 }), { maxLength: 4 }).map((scores) => Float32Array.from(scores));
const drawn = fc.record({
  policy: fc.constant("softmax:1"),
  rank: numbers.map((scores) => Uint32Array.from(scores.keys())),
  propensity: numbers.map((scores) => Float64Array.from(scores)),
});
const scoring: fc.Arbitrary<Scoring> = fc
  .record({
    request: fc.string(),
    time: fc.integer({ min: 0 }),
    model: fc.record({
      model: fc.constantFrom("a", "b"),
      version: fc.integer({ min: 1, max: 2 }),
      spec_hash: fc.constantFrom("0", "1"),
    }),
    body: fc.uint8Array({ maxLength: 9 }),
    scores: numbers,
    corrected: fc.boolean(),
    drawn: fc.option(drawn, { nil: undefined }),
  })
  .map(({ corrected, ...rest }) => ({ ...rest, calibrated: corrected ? rest.scores.map((p) => p / 2) : undefined }));

it("requests survive the transfer between threads", () => {
  fc.assert(
    fc.property(fc.array(scoring), (scorings) => {
      const packed = packScorings(scorings);
      const { bodies, scores } = packed;
      const sent = structuredClone(packed, { transfer: [bodies.buffer, scores.buffer] });
      expect(unpackScorings(sent)).toEqual(scorings);
    }),
  );
});
