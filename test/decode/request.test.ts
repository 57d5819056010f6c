import { describe, expect, it } from "vitest";
import { Decoder } from "../../src/decode/decoder.js";
import fc from "../properties.js";
import { decodeRequest, expectRows, feed, rowsOf } from "./feed.js";
import { everySpec, rowText, specOf } from "./generate.js";
import { decodeFile, decodeMerged } from "./reference.js";

const spec = everySpec("json");
const decoder = new Decoder(spec, { capacity: 8, requireLabel: false });

function request(context: string, candidates: string[]) {
  return decodeRequest(
    decoder,
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
  it("merges the context into each candidate, whose own members take precedence", () => {
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

  it("merges objects at every depth, the candidate's members taking precedence, for one candidate only", () => {
    const context = '{"user":{"id":"u","age":20,"home":{"city":"c"}},"plain":"p"}';
    const merged = [
      '{"user":{"id":"v"}}',
      '{"plain":"\\u0071"}',
      '{"user":null}',
      "{}",
      '{"user":{"home":{"city":"d"}}}',
      '{"user":{"home":null,"age":21}}',
      '{"user":{"age":1},"user":{"id":"last"}}',
      '{"user.age":30}',
    ];
    expectRows(
      rows(context, merged),
      merged.map((candidate) => decodeMerged(spec, context, candidate)),
      spec,
    );
    const whole = (user: object | null, plain = "p") => rows("{}", [JSON.stringify({ user, plain })])[0];
    const home = { city: "c" };
    expect(rows(context, merged)).toEqual([
      whole({ id: "v", age: 20, home }),
      whole({ id: "u", age: 20, home }, "q"),
      whole(null),
      whole({ id: "u", age: 20, home }),
      whole({ id: "u", age: 20, home: { city: "d" } }),
      whole({ id: "u", age: 21, home: null }),
      whole({ id: "last", age: 20, home }),
      whole({ id: "u", age: 30, home }),
    ]);
  });

  it("replaces a context member that is not an object by a candidate's object, and vice versa", () => {
    expect(rows('{"user":5}', ['{"user":{"id":"v"}}', "{}"].slice(0, 1))).toEqual(rows("{}", ['{"user":{"id":"v"}}']));
    expect(rows('{"user":{"home":3,"age":2}}', ['{"user":{"home":{"city":"d"}}}'])).toEqual(
      rows("{}", ['{"user":{"home":{"city":"d"},"age":2}}']),
    );
    expect(rows('{"user":null}', ['{"user":{"age":3}}'])).toEqual(rows("{}", ['{"user":{"age":3}}']));
    expect(request('{"user":{"id":"u"}}', ['{"user":5}'])).toMatchObject({ failure: { code: "bad_type" } });
    // The context of one request does not affect the next.
    expect(rows("{}", ['{"user":{"age":1},"user":{"id":"x"}}'])).toEqual(rows("{}", ['{"user":{"id":"x"}}']));
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

  it("names the first invalid member", () => {
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
    const bad = decodeRequest(decoder, Buffer.from("{}"), [Buffer.from([123, 34, 0xff, 34, 58, 49, 125])]);
    expect(bad).toEqual({ failure: { candidate: 0, code: "bad_utf8", column: "" } });
  });

  it("can express everything in a vw example, bit for bit", () => {
    const fields = [
      { name: "tags", type: "bag", from: "tags", separator: "|", combiner: "mean", max_length: 4 },
      { name: "first", type: "categorical", from: "first" },
      { name: "price", type: "numeric", from: "price", transform: "raw", missing: 0 },
      { name: "vec", type: "vector", from: "vec", separator: " ", length: 2, take: 2 },
    ] as const;
    const vw = specOf([...fields], { events: { format: "vw", columns: [], header: false, separator: "" } });
    const pairs: [example: string, ...requests: string[]][] = [
      [
        "|tags a:3 b:0.5",
        '{"tags":[["a",3],["b",0.5]]}',
        '{"tags":{"a":3,"b":0.5}}',
        '{"tags":[["\\u0061" , 3e0],{}]}'.replace(",{}", ',["b",5e-1]'),
      ],
      ["|tags a b:-0.1234567890123456789 c:0", '{"tags":["a",["b",-0.1234567890123456789],["c",0]]}'],
      ["|tags :7 b:1e18 3:1e-300", '{"tags":{"":7,"b":1e18,"3":1e-300}}', '{"tags":[[null,7],["b",1e18],[3,1e-300]]}'],
      ["|tags a:1 b:2 c:3 d:4 e:x", '{"tags":{"a":1,"b":2,"c":3,"d":4,"e":[]}}'],
      ["|first x:2 y |price p:2.50 |vec :0.1 b:-3", '{"first":"x","price":2.50,"vec":[0.1,-3]}'],
      ["|tags", '{"tags":[]}', '{"tags":{}}', "{}", '{"tags":null}'],
    ];
    const json = new Decoder(vw, { capacity: 8, format: "json", requireLabel: false });
    for (const [example, ...requests] of pairs) {
      const [{ batch }] = feed(new Decoder(vw, { capacity: 8, requireLabel: false }), Buffer.from(`${example}\n`));
      expect(batch.rows, example).toBe(1);
      const expected = rowsOf(vw, batch);
      for (const text of requests) {
        const result = decodeRequest(json, Buffer.from("{}"), [Buffer.from(text)]);
        expect("batch" in result && rowsOf(vw, result.batch), text).toEqual(expected);
        const [own] = feed(new Decoder(vw, { capacity: 8, format: "json", requireLabel: false }), Buffer.from(text));
        expect(rowsOf(vw, own.batch), text).toEqual(expected);
      }
    }
  });

  it.each([
    ['{"tags":[["a"]]}', "bad_type"],
    ['{"tags":[["a",1,2]]}', "bad_type"],
    ['{"tags":[[]]}', "bad_type"],
    ['{"tags":[["a","1"]]}', "bad_type"],
    ['{"tags":[["a",null]]}', "bad_type"],
    ['{"tags":[[["a"],1]]}', "bad_type"],
    ['{"tags":[{"a":1}]}', "bad_type"],
    ['{"tags":{"a":"1"}}', "bad_type"],
    ['{"tags":{"a":true}}', "bad_type"],
    ['{"tags":{"a":1e999}}', "number_out_of_range"],
    ['{"tags":[["a",-1e19]]}', "number_out_of_range"],
    ['{"tags":{"\\ud800":1}}', "bad_utf8"],
    ['{"vec":[[1,1],2,3]}', "bad_type"],
    ['{"vec":{"a":1,"b":2,"c":3}}', "bad_type"],
  ])("refuses %s: a weight is a number beside its item", (candidate, code) => {
    const column = candidate.slice(2, candidate.indexOf('"', 2));
    expect(request("{}", [candidate])).toEqual({ failure: { candidate: 0, code, column } });
  });

  it("refuses more candidates than the batch's capacity", () => {
    expect(() => request("{}", new Array<string>(9).fill("{}"))).toThrow("9 candidates exceed the limit of 8");
  });

  it("is JSON whatever the format of the spec's events", () => {
    const fields = [{ name: "a", type: "categorical", from: "a" } as const];
    const tsv = specOf(fields, { events: { format: "tsv", columns: ["label", "a"], header: true, separator: "\t" } });
    const json = new Decoder(tsv, { capacity: 2, format: "json", requireLabel: false });
    const result = decodeRequest(json, Buffer.from("{}"), [Buffer.from('{"a":"x"}')]);
    const [{ batch }] = feed(new Decoder(tsv, { capacity: 2 }), Buffer.from("label\ta\n1\tx\n"));
    expect("batch" in result && rowsOf(tsv, result.batch)[0].keys).toEqual(rowsOf(tsv, batch)[0].keys);
  });
});
