import { expect, it } from "vitest";
import { isObject } from "../../src/core/json.js";
import { Decoder } from "../../src/decode/decoder.js";
import { RequestCursor } from "../../src/decode/request.js";
import { type Known, knownMembers, namesOf, splitScoreRequest } from "../../src/serve/requests/request.js";
import { rowsOf } from "../decode/feed.js";
import { everySpec, rowText } from "../decode/generate.js";
import fc from "../properties.js";

const spec = everySpec("json");
const ROWS = 64;
const { requests } = new Decoder(spec, { capacity: ROWS, requireLabel: false });
const { label, fields } = spec;
const head = [label.from, label.weight, label.time?.from, label.id, label.oracle].filter((path) => path != null);
const known = knownMembers([...head, ...fields.flatMap((field) => ("from" in field ? [field.from] : []))]);

const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString();

/** Rows and names of a body, read `slice` candidates at a time; null if it is irregular. */
function read(body: Uint8Array, slice: number) {
  const cursor = new RequestCursor(body);
  const rows: unknown[] = [];
  while (!cursor.ended) {
    const count = requests.read(cursor, 0, slice);
    if (count === undefined) return null;
    rows.push(...rowsOf(spec, requests.batch(count)));
  }
  return { rows, unknown: namesOf(cursor.unknown), options: text(cursor.options), unlisted: cursor.unlisted };
}

/** The same from the body's objects. */
function readWhole(body: Uint8Array) {
  const { context, candidates, unknown, options } = splitScoreRequest(body, known, 10_000);
  const rows: unknown[] = [];
  for (let from = 0; from < candidates.length; from += ROWS) {
    const part = candidates.slice(from, from + ROWS);
    if (requests.readParts(context, part)) return null;
    rows.push(...rowsOf(spec, requests.batch(part.length)));
  }
  return { rows, unknown, options: text(options), unlisted: false };
}

const extra = fc.dictionary(fc.constantFrom("zap", "zip", "a.b", "\u00e9", '"q"'), fc.jsonValue({ maxDepth: 2 }), {
  maxKeys: 3,
});
const object = fc.tuple(rowText(spec), extra).map(([text, more]) => {
  try {
    return { ...JSON.parse(text), ...more } as object;
  } catch {
    return more;
  }
});
const body = fc
  .record({
    context: fc.oneof(object, fc.constant(undefined), fc.constant(null)),
    candidates: fc.array(object, { minLength: 1, maxLength: 12 }),
    space: fc.constantFrom(undefined, 1, "\t"),
    options: fc.oneof(fc.constant(undefined), fc.constant({ top_k: 3 })),
    order: fc.shuffledSubarray(["context", "candidates", "options"] as const, { minLength: 3 }),
  })
  .map(({ order, space, ...members }) =>
    JSON.stringify(Object.fromEntries(order.map((name) => [name, members[name]])), null, space),
  );

it("reads a request as it arrives: the rows and unknown names of its objects, for any chunk boundaries", () => {
  let taken = 0;
  fc.assert(
    fc.property(body, fc.integer({ min: 1, max: ROWS }), (text, slice) => {
      const bytes = Buffer.from(text);
      const found = read(bytes, slice);
      if (!found) return;
      taken++;
      expect(found).toEqual(readWhole(bytes));
    }),
    { numRuns: 300 },
  );
  expect(taken).toBeGreaterThan(6);
});

/** A candidate merged into a context, as one object: members that fields read are merged deeply. */
function merged(context: object, candidate: object, place: Known | undefined = known): object {
  const members = Object.entries(candidate).map(([name, value]) => {
    const under = (context as Record<string, unknown>)[name];
    const below = place?.children.get(name);
    return [name, below?.children.size && isObject(value) && isObject(under) ? merged(under, value, below) : value];
  });
  return { ...context, ...Object.fromEntries(members) };
}

it("carries values of the context over from row to row, as if each candidate had them", () => {
  let taken = 0;
  fc.assert(
    fc.property(object, fc.array(object, { minLength: 2, maxLength: 12 }), (context, some) => {
      const candidates = [...some, {}, ...some.slice(0, 2), {}];
      const found = read(Buffer.from(JSON.stringify({ context, candidates })), ROWS);
      if (!found) return;
      taken++;
      const alone = candidates.map((candidate) => merged(context, candidate));
      expect(found.rows).toEqual(read(Buffer.from(JSON.stringify({ candidates: alone })), 1)?.rows);
    }),
    { numRuns: 300 },
  );
  expect(taken).toBeGreaterThan(20);
});

it("detects every malformed body that JSON.parse refuses", () => {
  const mutation = fc.tuple(body, fc.nat(), fc.constantFrom("", ",", "}", "]", '"', "{", "0", "\\", "\u0000"));
  fc.assert(
    fc.property(mutation, ([text, place, by]) => {
      const at = place % text.length;
      const bytes = Buffer.from(text.slice(0, at) + by + text.slice(at + 1));
      const found = read(bytes, 5);
      if (found) expect(found).toEqual(readWhole(bytes));
    }),
    { numRuns: 500 },
  );
});

const candidate = (i: number) => `{"user":{"id":"u${i}"},"plain":"${"x".repeat(i % 50)}"}`;

it("reads a body many times its window, however long a candidate is", () => {
  const long = `{"plain":"${"y".repeat(60_000)}","zap":"${"z".repeat(900_000)}"}`;
  const candidates = Array.from({ length: 9_000 }, (_, i) => (i % 3000 === 7 ? long : candidate(i)));
  const bytes = Buffer.from(`{"context":{"user":{"age":3}},"candidates":[${candidates.join(" , ")} ] }\n`);
  const found = read(bytes, ROWS);
  expect(found?.rows.length).toBe(9_000);
  expect(found).toEqual(readWhole(bytes));
});

it.each([
  ['{"candidates":[{}]', "no end"],
  ['{"context":{},"candidates":[{}]}}', "more behind it"],
  ['{"context":{},"candidates":[{}],}', "a comma before the brace"],
  ['{"context":{},"candidates":[{},]}', "a comma before the bracket"],
  ['{"context":{},"candidates":[]}', "no candidates"],
  ['{"context":{},"candidates":[1]}', "a number for a candidate"],
  ['{"context":{},"candidates":[{}],"context":{}}', "two contexts"],
  ['{"context":{},"c\\u0061ndidates":[{}]}', "an escaped name"],
  ['{"context":{},"items":[],"candidates":[{}]}', "another member"],
  ['{"context":[],"candidates":[{}]}', "an array for a context"],
  ["", "nothing"],
])("detects %s as irregular: %s", (text) => {
  expect(read(Buffer.from(text), 8)).toBeNull();
});

it("says if there are more unknown names than it lists", () => {
  const members = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`m${i}`, i]));
  expect(read(Buffer.from(JSON.stringify({ context: members, candidates: [{}] })), 8)?.unlisted).toBe(true);
});
