import { describe, expect, it } from "vitest";
import { Decoder } from "../../src/decode/decoder.js";
import type { CompiledField } from "../../src/spec/compiled.js";
import { anyCharacter } from "../code-points.js";
import fc from "../properties.js";
import { feed, rowsOf } from "./feed.js";
import { everySpec, specOf } from "./generate.js";
import { decodeFile, hashText, parseJson } from "./reference.js";

const fields: CompiledField[] = [
  { name: "a", type: "categorical", from: "a" },
  { name: "deep", type: "categorical", from: "u.v.w" },
  { name: "n", type: "numeric", from: "n", transform: "raw", missing: 0 },
  { name: "list", type: "bag", from: "list", separator: ",", combiner: "sum", max_length: 9 },
  { name: "vec", type: "vector", from: "vec", separator: ",", length: 2, take: 2 },
];
const spec = specOf(fields, { events: { format: "json", columns: [], header: false, separator: "" } });
const decoder = new Decoder(spec, { capacity: 100 });

/** Decodes one event: the texts whose keys it has, or the code and column it is refused with. */
function decode(text: string | Buffer) {
  decoder.startAt(0, 0);
  const [{ batch, rejects }] = feed(decoder, Buffer.concat([Buffer.from(text), Buffer.from("\n")]));
  if (rejects.length > 0) return `${rejects[0].code} ${rejects[0].column}`.trim();
  return rowsOf(spec, batch)[0];
}

const key = (field: string, text: string) => {
  const { seed } = spec.tables[0].cells.find((cell) => cell.field === field)!;
  return hashText(text, BigInt(`0x${seed}`));
};
const event = (members: string) => `{"label":1${members ? `,${members}` : ""}}`;
const keys = (members: string) => {
  const row = decode(event(members));
  return typeof row === "string" ? row : row.keys[0];
};

describe("JSON text", () => {
  const refused = [
    "",
    "1",
    "[]",
    "null",
    '"x"',
    "{",
    "{}}",
    "{} {}",
    '{"label":1,}',
    '{,"label":1}',
    '{"label" 1}',
    '{"label":}',
    "{label:1}",
    "{'label':1}",
    '{"label":01}',
    '{"label":+1}',
    '{"label":1.}',
    '{"label":.5}',
    '{"label":1e}',
    '{"label":-}',
    '{"label":0x1}',
    '{"label":1 2}',
    '{"label":NaN}',
    '{"label":Infinity}',
    '{"label":nul}',
    '{"label":True}',
    '{"label":truefalse}',
    '{"label":1,"x":[1,]}',
    '{"label":1,"x":[,1]}',
    '{"label":1,"x":[1 2]}',
    '{"label":1,"x":[1}',
    '{"label":1,"x":{"y"}}',
    '{"label":1,"x":{"y":1,}}',
    '{"label":1,"x":{"y":1]}',
    '{"label":1,"a":"\t"}',
    '{"label":1,"x":"\u0001"}',
    '{"label":1,"a":"\\x"}',
    '{"label":1,"x":"\\u12g4"}',
    '{"label":1,"x":"\\u12"}',
    '{"label":1,"a":"open}',
    '{"label":1,"a":"\\"}',
    '{"label":1,"a\u0000":1}',
    '{"label":1}\u0000',
    '{"label":1} x',
    '{"label":1}//',
    '{"label":1,"x":"\\u+123"}',
  ].filter((text) => text !== "");
  it.each(refused)("%j is refused", (text) => {
    expect(decode(text)).toBe("bad_json");
    expect(() => JSON.parse(text.startsWith("{") ? text : "{")).toThrow();
  });

  it("is accepted exactly when JSON.parse accepts it", () => {
    const pieces = fc.constantFrom(
      ...'{}[]:,"\\ \t',
      '"a"',
      '"x":',
      "1",
      "-0.5e+1",
      "true",
      "null",
      '"\\u00e9"',
      '"\\ud800"',
      "{}",
      "[]",
      '{"b":[1,{"c":2}]}',
      "\u0007",
      "é",
    );
    const text = fc.oneof(
      fc.array(pieces, { maxLength: 12 }).map((list) => `{"label":1,"x":${list.join("")}}`),
      fc.jsonValue({ stringUnit: anyCharacter }).map((value) => JSON.stringify({ label: 1, x: value })),
      fc.tuple(fc.jsonValue(), fc.nat(), fc.constantFrom(...'{}[]:,"\\ a1')).map(([value, at, c]) => {
        const json = JSON.stringify({ label: 1, x: value });
        const i = at % json.length;
        return json.slice(0, i) + c + json.slice(i + 1);
      }),
    );
    let valid = 0;
    fc.assert(
      fc.property(text, (json) => {
        let expected = true;
        try {
          expected = typeof JSON.parse(json) === "object";
        } catch {
          expected = false;
        }
        valid += +expected;
        expect(decode(json) !== "bad_json").toBe(expected);
        const reference = () => parseJson(Buffer.from(json).toString("latin1"));
        if (expected) reference();
        else expect(reference).toThrow();
      }),
      { numRuns: 3000 },
    );
    expect(valid).toBeGreaterThan(160);
  });

  it("may nest 512 deep, read or not", () => {
    const lists = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
    const objects = (depth: number) => `${'{"x":'.repeat(depth)}1${"}".repeat(depth)}`;
    for (const member of ["x", "a", "list", "u"]) {
      for (const nested of [lists, objects]) {
        expect(decode(event(`"${member}":${nested(511)}`))).not.toBe("bad_json");
        expect(decode(event(`"${member}":${nested(512)}`))).toBe("bad_json");
        expect(decode(event(`"${member}":${nested(100_000)}`))).toBe("bad_json");
        expect(decode(event(`"${member}":${"[".repeat(100_000)}`))).toBe("bad_json");
      }
    }
  });

  it("may have white space anywhere", () => {
    const spaced = ' \t\r{ \t"label"\r : 1 ,\t"a" : "x" , "u":{ "v" :{"w": "y"\t} } , "vec" : [ 1 , 2 ] }\t ';
    expect(decode(spaced)).toEqual(decode('{"label":1,"a":"x","u":{"v":{"w":"y"}},"vec":[1,2]}'));
  });
});

describe("members", () => {
  it("hash a string's unescaped bytes, a number's or boolean's text as written; null, empty and missing as empty", () => {
    const a = (value: string) => keys(`"a":${value}`)[0];
    expect(a('"5"')).toBe(key("a", "5"));
    expect(a("5")).toBe(key("a", "5"));
    expect(a("5.0")).toBe(key("a", "5.0"));
    expect(a("1E2")).toBe(key("a", "1E2"));
    expect(a("123456789012345678901234567890")).toBe(key("a", "123456789012345678901234567890"));
    expect(a("true")).toBe(key("a", "true"));
    expect(a('"\\u00e9\\ud83d\\ude00\\n\\/\\"\\\\\\b\\f\\r\\t\\u0000"')).toBe(key("a", 'é😀\n/"\\\b\f\r\t\u0000'));
    for (const empty of ['""', "null"]) expect(a(empty)).toBe(key("a", ""));
    expect(keys("")[0]).toBe(key("a", ""));
  });

  it("are read in any order, also if it changes from event to event", () => {
    const members = [
      '"a":"x"',
      '"u":{"v":{"w":"y"},"z":0}',
      '"n":1.5',
      '"list":[1]',
      '"vec":[1,2]',
      '"other":{"a":"no"}',
      '"label":1',
    ];
    const first = decode(`{${members.join(",")}}`);
    fc.assert(
      fc.property(fc.shuffledSubarray(members, { minLength: members.length }), (order) => {
        expect(decode(`{${order.join(",")}}`)).toEqual(first);
      }),
      { numRuns: 200 },
    );
  });

  it("are found by dotted paths, in nested objects or under names that contain the dots", () => {
    const expected = key("deep", "y");
    expect(keys('"u":{"v":{"w":"y"}}')[1]).toBe(expected);
    expect(keys('"u.v":{"w":"y"}')[1]).toBe(expected);
    expect(keys('"u":{"v.w":"y"}')[1]).toBe(expected);
    expect(keys('"u.v.w":"y"')[1]).toBe(expected);
    expect(keys('"\\u0075":{"\\u0076":{"w":"y"}}')[1]).toBe(expected);
    for (const other of ['"w":"y"', '"u":{"w":"y"}', '"v":{"w":"y"}', '"u":{"u":{"v":{"w":"y"}}}'])
      expect(keys(other)[1]).toBe(key("deep", ""));
  });

  it("that are duplicated: the last one counts", () => {
    expect(keys('"a":"x","a":"y"')[0]).toBe(key("a", "y"));
    expect(keys('"a":"x","a":null')[0]).toBe(key("a", ""));
    expect(keys('"a":{},"a":"y"')[0]).toBe(key("a", "y"));
    expect(keys('"u":{"v":{"w":"x"}},"u":{"v":{}}')[1]).toBe(key("deep", ""));
    expect(keys('"u":{"v":{"w":"x"}},"u":null')[1]).toBe(key("deep", ""));
    expect(keys('"u":5,"u":{"v":{"w":"x"}}')[1]).toBe(key("deep", "x"));
  });

  it("of the wrong type are rejected, never coerced", () => {
    const code = (members: string) => decode(event(members));
    expect(code('"a":{}')).toBe("bad_type a");
    expect(code('"a":[1]')).toBe("bad_type a");
    expect(code('"n":"5"')).toBe("bad_type n");
    expect(code('"n":true')).toBe("bad_type n");
    expect(code('"n":[5]')).toBe("bad_type n");
    expect(code('"u":5')).toBe("bad_type u.v.w");
    expect(code('"u":{"v":"x"}')).toBe("bad_type u.v.w");
    expect(code('"list":{"x":"1"}')).toBe("bad_type list");
    expect(code('"list":["x",["y"]]')).toBe("bad_type list");
    expect(code('"vec":"1,2"')).toBe("bad_type vec");
    expect(code('"vec":[1,"2"]')).toBe("bad_type vec");
    expect(code('"vec":[1,true]')).toBe("bad_type vec");
    expect(code('"vec":[1,null]')).toBe("bad_vector vec");
    expect(code('"vec":[1]')).toBe("bad_vector vec");
    expect(code('"vec":[1,2,3]')).toBe("bad_vector vec");
    expect(code('"vec":[1,1e999]')).toBe("number_out_of_range vec");
    expect(code('"n":1e19')).toBe("number_out_of_range n");
    expect(code('"a":"\\ud800"')).toBe("bad_utf8 a");
    expect(code('"a":"\\udc00\\ud800"')).toBe("bad_utf8 a");
    expect(code('"list":["\\ud800x"]')).toBe("bad_utf8 list");
    expect(code('"x":"\\ud800"')).not.toBe("bad_utf8 x");
    expect(decode(Buffer.from('{"label":1,"a":"\xff"}', "latin1"))).toBe("bad_utf8 a");
    expect(decode(Buffer.from('{"label":1,"list":{"\xff":1}}', "latin1"))).toBe("bad_utf8 list");
    expect(decode(Buffer.from('{"label":1,"x":"\xff"}', "latin1"))).not.toBe("bad_utf8");
    expect(decode('{"label":{}}')).toBe("bad_label label");
    expect(decode("{}")).toBe("bad_label label");
  });

  it("of a bag are an array's items or the parts of a string; empty ones are skipped, and the first max_length are kept", () => {
    const list = (value: string) => {
      const row = decode(event(`"list":${value}`));
      return typeof row === "string" ? row : row.bags[0].keys;
    };
    const texts = (...items: string[]) => items.map((item) => key("list", item));
    expect(list('["x", 1, true, null, "", "\\u0079"]')).toEqual(texts("x", "1", "true", "y"));
    expect(list('"x,,y"')).toEqual(texts("x", "y"));
    expect(list("[]")).toEqual([]);
    expect(list("null")).toEqual([]);
    expect(list("[1,2,3,4,5,6,7,8,9,10,{}]")).toEqual(texts(..."123456789"));
  });

  it("can be read both as a value and by their own members", () => {
    const both = specOf(
      [
        { name: "a", type: "categorical", from: "a" },
        { name: "b", type: "categorical", from: "a.b" },
      ],
      { events: spec.events },
    );
    const text = [
      '{"label":1,"a":"x"}',
      '{"label":1,"a":{"b":"y"}}',
      '{"label":1,"a":null}',
      '{"label":1,"a.b":"y","a":"x"}',
    ].join("\n");
    const [{ rejects, batch }] = feed(new Decoder(both, { capacity: 9 }), Buffer.from(text));
    const expected = decodeFile(both, Buffer.from(text));
    expect(rejects.map(({ code, column, row }) => ({ code, column, row }))).toEqual(
      expected.rejects.map(({ code, column, row }) => ({ code, column, row })),
    );
    expect(rowsOf(both, batch)).toEqual(expected.rows);
    expect(rejects.map(({ column }) => column)).toEqual(["a.b", "a", "a.b"]);
  });
});

it("text in any language and length is hashed as its UTF-8 bytes", () => {
  const everything = everySpec("json");
  expect(everything.fields.length).toBeGreaterThan(10);
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), fc.boolean(), (text, escaped) => {
      const json = JSON.stringify(text);
      const ascii = json.replace(/[^ -~]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
      expect(keys(`"a":${escaped ? ascii : json}`)[0]).toBe(key("a", text));
    }),
    { numRuns: 500 },
  );
});
