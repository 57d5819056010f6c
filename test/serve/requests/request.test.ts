import { describe, expect, it } from "vitest";
import { knownMembers, splitScoreRequest } from "../../../src/serve/requests/request.js";
import fc from "../../properties.js";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (part: Uint8Array) => new TextDecoder().decode(part);
const split = (body: string, known: string[] = []) => splitScoreRequest(bytes(body), knownMembers(known), 10);

describe("splitScoreRequest", () => {
  it("keeps the raw bytes of context and candidates, numbers as written", () => {
    const { context, candidates } = split(
      '{ "candidates" : [ {"id": 9007199254740993} , {"x": [1, {"y": "]}"}]} ],\n "context": {"a": 1.0} }',
    );
    expect(text(context)).toBe('{"a": 1.0}');
    expect(candidates.map(text)).toEqual(['{"id": 9007199254740993}', '{"x": [1, {"y": "]}"}]}']);
  });

  it("treats an absent or null context as empty, and takes the last of duplicates like JSON.parse", () => {
    expect(text(split('{"candidates": [{}]}').context)).toBe("{}");
    expect(text(split('{"context": null, "candidates": [{}]}').context)).toBe("{}");
    expect(text(split('{"context": {"a": 1}, "c\\u006fntext": {"a": 2}, "candidates": [{}]}').context)).toBe(
      '{"a": 2}',
    );
  });

  it("lists leaves that no field reads", () => {
    const { unknown } = split(
      '{"context": {"user": {"id": 1, "age": 2}}, "candidates": [{"tags": ["a"], "zap": null}]}',
      ["user.id", "tags"],
    );
    expect(unknown).toEqual(["candidates[].zap", "context.user.age"]);
  });

  it("lists them at every depth, for any notation of a path, but not parts of a bag", () => {
    const known = ["item.id", "item.maker.name", "tags", "user.id"];
    const { unknown } = split(
      `{"context": {"user.id": 1, "item": {"colour": "red", "maker": {"name": "m", "town": {"zip": 1}}}},
        "candidates": [{"tags": {"a": 3}, "item": {"id": 1, "colour": {}}}, {"item.colour": 1, "item.id": 2}]}`,
      known,
    );
    expect(unknown).toEqual(["candidates[].item.colour", "context.item.colour", "context.item.maker.town.zip"]);
  });

  it("lists at most a hundred, and how many more there are", () => {
    const members = Object.fromEntries(Array.from({ length: 250 }, (_, i) => [`m${1000 + i}`, i]));
    const { unknown } = split(JSON.stringify({ context: members, candidates: [{}] }));
    expect([unknown.length, unknown[99], unknown[100]]).toEqual([101, "context.m1099", "… and 150 more"]);
  });

  it("truncates a long path, so that the answer stays about as small as the request", () => {
    const leaves = Object.fromEntries(Array.from({ length: 30_000 }, (_, i) => [`m${i}`, i]));
    const { unknown } = split(JSON.stringify({ candidates: [{ ["k".repeat(300_000)]: leaves }] }));
    expect(unknown).toEqual([`candidates[].${"k".repeat(243)}…`]);
  });

  it("causes no internal error for a body nested 100,000 levels deep: the decoder refuses it", () => {
    const nested = `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`;
    const { unknown } = split(`{"context": ${nested}, "candidates": [{"b": ${nested}}]}`);
    expect(unknown).toEqual(
      ["candidates[].b", "context"].map((part) => `${`${part}${".a".repeat(200)}`.slice(0, 256)}…`),
    );
  });

  it.each([
    ["{", /not valid JSON/],
    ["3", /body: must be an object/],
    ['{"candidates": {}}', /candidates: must be an array/],
    ['{"candidates": []}', /at least one/],
    ['{"candidates": [{}, []]}', /candidates\[1\]: must be an object/],
    ['{"candidates": [{}], "context": [1]}', /context: must be an object/],
    ['{"candidates": [{}], "items": 1}', /body\.items: unknown member/],
    [`{"candidates": [${Array(11).fill("{}").join()}]}`, /11 exceed the limit of 10/],
  ])("refuses %s", (body, message) => {
    expect(() => split(body)).toThrowError(message);
  });

  it("returns exactly the parsed candidates, whatever they contain", () => {
    const object = fc.dictionary(fc.string(), fc.jsonValue());
    fc.assert(
      fc.property(
        object,
        fc.array(object, { minLength: 1, maxLength: 10 }),
        fc.constantFrom(undefined, 1, "\t"),
        (context, candidates, space) => {
          const parts = split(JSON.stringify({ context, candidates }, null, space));
          expect(JSON.parse(text(parts.context))).toEqual(JSON.parse(JSON.stringify(context)));
          expect(parts.candidates.map((part) => JSON.parse(text(part)))).toEqual(
            JSON.parse(JSON.stringify(candidates)),
          );
        },
      ),
    );
  });
});
