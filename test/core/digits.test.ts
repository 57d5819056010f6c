import { expect, it } from "vitest";
import { grouped } from "../../src/core/digits.js";
import fc from "../properties.js";

function written(value: number): void {
  expect(grouped(value)).toBe(value.toLocaleString("en"));
}

it("whole numbers are formatted as in the English locale", () => {
  for (const value of [0, 7, 999, 1000, -1000, 65_536, 1_234_567, 1e15, 2 ** 53, 1e21, Number.NaN, Infinity])
    written(value);
  fc.assert(fc.property(fc.maxSafeInteger(), written));
});

it("other numbers keep three decimals", () => {
  for (const value of [0.5, 1234.5, 12.3456, 1999.9996, -0.25, 99_999.125]) written(value);
});
