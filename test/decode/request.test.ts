import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Decoder } from "../../src/decode/decoder.js";
import { expectRows, feed, rowsOf } from "./feed.js";
import { everySpec, rowText, specOf } from "./generate.js";
import { decodeFile, decodeMerged } from "./reference.js";

const spec = everySpec("json");
const decoder = new Decoder(spec, { capacity: 8, requireLabel: false });

function request(context: string, candidates: string[]) {
  return decoder.decodeRequest(
    Buffer.from(context),
    candidates.map((text) => Buffer.from(text)),
  );
}

function rows(context: string, candidates: string[]) {
  const result = request(context, candidates);
  if ("failure" in result) throw new Error(JSON.stringify(result.failure));
  return rowsOf(spec, result.batch);
}

const good = fc
  .sample(rowText(spec), { numRuns: 300, seed: 11 })
  .filter((text) => decodeFile(spec, Buffer.from(text)).rows.length === 1);

describe("a request", () => {
  it("gives each candidate the context's members, its own winning", () => {
    expect(good.length).toBeGreaterThan(50);
    const rowsArbitrary = fc.constantFrom(...good);
    fc.assert(
      fc.property(rowsArbitrary, fc.array(rowsArbitrary, { maxLength: 8 }), (context, candidates) => {
        expectRows(
          rows(context, candidates),
          candidates.map((candidate) => decodeMerged(spec, context, candidate)),
          spec,
        );
      }),
      { numRuns: 100 },
    );
  });

  it("gives the same rows as a file of the same events", () => {
    const file = Buffer.from(good.slice(0, 8).join("\n"));
    const [{ batch }] = feed(new Decoder(spec, { capacity: 8, requireLabel: false }), file);
    expect(rows("{}", good.slice(0, 8))).toEqual(rowsOf(spec, batch));
    expect(rows(good[0], ["{}", "{}"])).toEqual([rowsOf(spec, batch)[0], rowsOf(spec, batch)[0]]);
  });

  it("replaces an object of the context as a whole, for one candidate alone", () => {
    const context = '{"user":{"id":"u","age":20,"home":{"city":"c"}},"plain":"p"}';
    const merged = ['{"user":{"id":"v"}}', '{"plain":"\\u0071"}', '{"user":null}', "{}"];
    expectRows(
      rows(context, merged),
      merged.map((candidate) => decodeMerged(spec, context, candidate)),
      spec,
    );
    const [own, , none, all] = rows(context, merged);
    expect(own.numbers[0]).toBe(Number.NaN);
    expect(none.keys[0][0]).toBe(rows("{}", ["{}"])[0].keys[0][0]);
    expect(all.numbers[0]).toBe(20);
  });

  it("keeps the context's unescaped texts for every candidate", () => {
    const context = '{"plain":"\\u0061\\u0062","text":{"words":["\\u0078","y"]}}';
    const candidates = ['{"user":{"id":"\\u0063\\u0064\\u0065"}}', '{"quoted":"\\u0066"}', "{}"];
    expectRows(
      rows(context, candidates),
      candidates.map((candidate) => decodeMerged(spec, context, candidate)),
      spec,
    );
  });

  it("names the first part that fails", () => {
    const failure = (context: string, candidates: string[]) => {
      const result = request(context, candidates);
      return "failure" in result ? result.failure : undefined;
    };
    expect(failure("[", ["{}"])).toEqual({ candidate: -1, code: "bad_json", column: "" });
    expect(failure("{}", ["{}", '{"user":{"age":"old"}}', "["])).toEqual({
      candidate: 1,
      code: "bad_type",
      column: "user.age",
    });
    expect(failure('{"plain":{}}', ['{"plain":"x"}', "{}"])).toEqual({
      candidate: 1,
      code: "bad_type",
      column: "plain",
    });
    expect(failure(`{"x":"${"y".repeat(3 << 20)}"}`, [])).toEqual({ candidate: -1, code: "row_too_long", column: "" });
    expect(failure("{}", [])).toBeUndefined();
    const bad = decoder.decodeRequest(Buffer.from("{}"), [Buffer.from([123, 34, 0xff, 34, 58, 49, 125])]);
    expect(bad).toEqual({ failure: { candidate: 0, code: "bad_utf8", column: "" } });
  });

  it("has no more candidates than the batch has room for", () => {
    expect(() => request("{}", new Array<string>(9).fill("{}"))).toThrow("9 candidates are more than 8");
  });

  it("is JSON whatever the spec's events are", () => {
    const fields = [{ name: "a", type: "categorical", from: "a" } as const];
    const tsv = specOf(fields, { events: { format: "tsv", columns: ["label", "a"], header: true, separator: "\t" } });
    const json = new Decoder(tsv, { capacity: 2, format: "json", requireLabel: false });
    const result = json.decodeRequest(Buffer.from("{}"), [Buffer.from('{"a":"x"}')]);
    const [{ batch }] = feed(new Decoder(tsv, { capacity: 2 }), Buffer.from("label\ta\n1\tx\n"));
    expect("batch" in result && rowsOf(tsv, result.batch)[0].keys).toEqual(rowsOf(tsv, batch)[0].keys);
  });
});
