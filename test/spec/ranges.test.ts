import { expect, test } from "vitest";
import { expandRange } from "../../src/spec/ranges.js";
import fc from "../properties.js";

test.each([
  ["C1..C3", ["C1", "C2", "C3"]],
  ["h08..h11", ["h08", "h09", "h10", "h11"]],
  ["x2..x2", ["x2"]],
  ["user.v0..user.v1", ["user.v0", "user.v1"]],
  ["a", ["a"]],
  ["a1b2..a1b3", ["a1b2", "a1b3"]],
])("%s", (range, names) => {
  expect(expandRange(range)).toEqual(names);
});

test.each([
  ["C1..D3", "must be equal before the number"],
  ["C3..C1", "is descending: write C1..C3"],
  ["a..b", "is not a range"],
  ["C1..", "is not a range"],
  ["C1..C10001", "has more than 10000 names"],
  ["C9007199254740993..C9007199254740994", "has numbers above 9007199254740991"],
])("%s is refused", (range, why) => {
  expect(() => expandRange(range)).toThrow(why);
});

test("a range contains every number between its ends once", () => {
  fc.assert(
    fc.property(fc.nat(500), fc.nat(500), (from, length) => {
      const names = expandRange(`p${from}..p${from + length}`);
      expect(names).toEqual(Array.from({ length: length + 1 }, (_, i) => `p${from + i}`));
    }),
  );
});
