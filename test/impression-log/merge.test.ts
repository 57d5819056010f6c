import { describe, expect, it } from "vitest";
import { Decoder } from "../../src/decode/decoder.js";
import { Composer, type Scoring } from "../../src/impression-log/compose.js";
import { readImpression } from "../../src/impression-log/impression.js";
import { Lines } from "../../src/impression-log/lines.js";
import { shapeOf } from "../../src/impression-log/shape.js";
import type { CompiledSpec } from "../../src/spec/compiled.js";
import { feed, rowsOf } from "../decode/feed.js";
import { everySpec, rowText } from "../decode/generate.js";
import fc from "../properties.js";

const spec = everySpec("json");
const bare = { ...spec, label: { ...spec.label, id: null, time: null } };
const ROWS = 32;

/** A log's lines of a request. */
function linesOf(of: CompiledSpec, body: string, candidates: number, more: Partial<Scoring> = {}): string[] {
  const composer = new Composer({});
  composer.tell("0", shapeOf(of));
  const lines = new Lines();
  const scores = Float32Array.from({ length: candidates }, (_, i) => 1 / (i + 3));
  const version = { model: { model: "näme", version: 7, spec_hash: "0" }, time: 1_700_000_000_123 };
  const scoring = { request: 'r"1', body: Buffer.from(body), scores, calibrated: undefined, drawn: undefined };
  expect(composer.compose(lines, { ...version, ...scoring, ...more })).toBe(0);
  return lines.whole.toString().split("\n").slice(0, -1);
}

const dotted = fc.dictionary(
  fc.constantFrom("user.id", "user.home", "user.home.city", "text.words", "a.b", "user"),
  fc.oneof(fc.constantFrom("x", 7, null), fc.record({ id: fc.integer(), city: fc.string() }, { requiredKeys: [] })),
  { maxKeys: 2 },
);
const object = fc.tuple(rowText(spec), dotted, fc.boolean()).map(([text, more, first]) => {
  try {
    const row = JSON.parse(text) as object;
    return first ? { ...more, ...row } : { ...row, ...more };
  } catch {
    return more;
  }
});

describe("a candidate merged into its context, as an event", () => {
  it("is decoded by a trainer into the row that was scored, for any request", () => {
    const { requests } = new Decoder(bare, { capacity: ROWS, requireLabel: false });
    let taken = 0;
    const request = fc.record({
      context: fc.oneof(object, fc.constant(undefined), fc.constant(null)),
      candidates: fc.array(object, { minLength: 1, maxLength: 6 }),
    });
    fc.assert(
      fc.property(request, fc.constantFrom(undefined, 1, "\t"), (asked, space) => {
        const { context, candidates } = asked;
        const parts = candidates.map((candidate) => Buffer.from(JSON.stringify(candidate)));
        if (requests.readParts(Buffer.from(JSON.stringify(context ?? {})), parts)) return;
        const scored = rowsOf(bare, requests.batch(parts.length));
        const lines = linesOf(bare, JSON.stringify(asked, null, space), parts.length);
        const decoder = new Decoder(bare, { capacity: ROWS, requireLabel: false });
        const rows = feed(decoder, Buffer.from(`${lines.join("\n")}\n`)).flatMap(({ batch, rejects }) => {
          expect(rejects).toEqual([]);
          return rowsOf(bare, batch);
        });
        expect(rows).toEqual(scored);
        taken++;
      }),
      { numRuns: 300 },
    );
    expect(taken).toBeGreaterThan(16);
  });

  const joined = { ...spec, label: { ...spec.label, id: "event.id", time: { from: "ts", unit: "s" as const } } };

  it("gets an id and a time if it has none, and is one line of JSON", () => {
    const body =
      '{"context": {"user": {"id": 9007199254740993, "age": 3}},\n "candidates": [{"user": {"age": 1e2}}, {"ts": 5, "event.id": "own"}]}';
    const [first, second] = linesOf(joined, body, 2);
    expect(first).toContain('"user":{"id":9007199254740993,"age":1e2}');
    expect(JSON.parse(first)).toMatchObject({ event: { id: 'r"1/0' }, ts: 1_700_000_000.123 });
    expect(JSON.parse(second)).toMatchObject({ event: { id: "own" }, ts: 5, user: { age: 3 } });
    expect(readImpression(Buffer.from(first), "log:1")).toMatchObject({
      request: 'r"1',
      position: 0,
      candidates: 2,
      model: "näme",
      version: 7,
      probability: Math.fround(1 / 3),
    });
  });

  it("gets no time if a feature reads it: it was scored without", () => {
    const hour = { name: "hour", type: "categorical", from: "ts" } as const;
    const [line] = linesOf({ ...joined, fields: [...joined.fields, hour] }, '{"candidates":[{}]}', 1);
    expect(JSON.parse(line)).not.toHaveProperty("ts");
  });

  it("is dropped if it is too long for an event, or if its request would be copied too often", () => {
    const composer = new Composer({});
    composer.tell("0", shapeOf(spec));
    const request = (context: number, count: number): Scoring => ({
      request: "r",
      body: Buffer.from(
        `{"context":{"x":"${"y".repeat(context)}"},"candidates":[${new Array(count).fill("{}").join()}]}`,
      ),
      scores: new Float32Array(count),
      calibrated: undefined,
      drawn: undefined,
      model: { model: "m", version: 1, spec_hash: "0" },
      time: 0,
    });
    const lines = new Lines();
    expect(composer.compose(lines, request(5 << 20, 2))).toBe(2);
    expect(composer.compose(lines, request(1 << 20, 10_000))).toBe(10_000);
    expect(lines.count).toBe(0);
    expect(composer.compose(lines, request(1 << 10, 10))).toBe(0);
    expect(lines.count).toBe(10);
  });
});

it("a line that is not from a log is reported with its place", () => {
  for (const line of ['{"a":1}', "", '{"hashbrook":{}}', '{"hashbrook":{"request":1', "x"])
    expect(() => readImpression(Buffer.from(line), "shown.jsonl:3")).toThrow(
      /^shown\.jsonl:3: not a line of an impression log/,
    );
});
