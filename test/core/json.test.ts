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

it("a Map, a Set or a promise was written as {}: a bag from one had no items, and its scores were wrong", () => {
  const kinds = {
    Map: new Map([["a", 2]]),
    Set: new Set(["a"]),
    Promise: Promise.resolve(3),
    ArrayBuffer: new ArrayBuffer(8),
  };
  for (const [kind, tags] of Object.entries(kinds))
    expect(() => jsonText({ candidates: [{ tags }] })).toThrow(`body.candidates[0].tags: is a ${kind}`);
});

it("writes holes of arrays, wrapped values, dates and objects of classes as JSON.stringify does, typed arrays as arrays", () => {
  // biome-ignore lint/suspicious/noSparseArray: that is what is tried
  const holes = [, "a"];
  const values = {
    holes,
    at: new Date(0),
    word: new String("w"),
    none: {},
    shop: new (class {
      id = 7;
    })(),
  };
  expect(JSON.parse(jsonText(values))).toEqual(JSON.parse(JSON.stringify(values)));
  expect(jsonText({ v: Float32Array.of(0.5, 1) })).toBe('{"v":[0.5,1]}');
});
