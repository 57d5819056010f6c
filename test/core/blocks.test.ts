import { expect, it } from "vitest";
import { bytesOf, savedBytes, savedNumbers } from "../../src/core/blocks.js";

const blocks = new Map([["a/b", { data: bytesOf(Float64Array.of(1, 2, 3)) }]]);

it("a block's numbers are a copy, its bytes a view", () => {
  const numbers = savedNumbers(blocks, "a/b", { each: 8 });
  expect([...numbers]).toEqual([1, 2, 3]);
  numbers[0] = 7;
  expect([...savedNumbers(blocks, "a/b", { bytes: 24 })]).toEqual([1, 2, 3]);
  expect(savedBytes(blocks, "a/b", { bytes: 24 })).toBe(blocks.get("a/b")!.data);
});

it.each([
  ["a/c", { each: 8 }, "block a/c is missing"],
  ["a/b", { bytes: 16 }, "block a/b has 24 bytes, not 16"],
  ["a/b", { each: 16 }, "block a/b has 24 bytes, not a multiple of 16"],
])("%s of %j is reported as damaged if the size does not fit", (name, size, message) => {
  expect(() => savedBytes(blocks, name, size)).toThrow(
    expect.objectContaining({ code: "checkpoint_damaged", message }),
  );
});
