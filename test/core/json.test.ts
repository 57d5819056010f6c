import { expect, it } from "vitest";
import { jsonText, numbersAsTexts } from "../../src/core/json.js";
import fc from "../properties.js";

it("keeps the digits of every number as a text, and leaves texts alone", () => {
  const json = String.raw`{"a\"1": [18446744073709551615, -1.50e+3, "2", "\\", 0], "b": true, "3": null}`;
  expect(JSON.parse(numbersAsTexts(json))).toEqual({
    'a"1': ["18446744073709551615", "-1.50e+3", "2", "\\", "0"],
    b: true,
    3: null,
  });
});

it("changes nothing else, whatever the value", () => {
  const textOf = (_: string, value: unknown) => (typeof value === "number" ? JSON.stringify(value) : value);
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const json = JSON.stringify(value);
      expect(JSON.parse(numbersAsTexts(json))).toEqual(JSON.parse(JSON.stringify(value, textOf)));
    }),
  );
});

it("refuses a request that contains itself: Maximum call stack size exceeded", () => {
  const circle: Record<string, unknown> = {};
  circle.item = [circle];
  expect(() => jsonText(circle)).toThrow("body: is nested too deeply, or contains itself");
});
