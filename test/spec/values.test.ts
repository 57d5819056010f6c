import { expect, it } from "vitest";
import { compiledFromJson } from "../../src/spec/compile.js";
import { decodeIdentity } from "../../src/spec/decode-identity.js";
import { specHash } from "../../src/spec/hash.js";
import { parseSpec } from "../../src/spec/parse.js";

/** A spec with these lines under `events`, `label` and the field `age`. */
const specOf = (events = "", label = "", age = "", more = "") =>
  parseSpec(
    `name: shop
events: { format: json${events} }
label: { field: clicked${label} }
fields:
  - { name: user, type: categorical, table: ids }
  - { name: age, type: numeric${age} }
${more}tables: { ids: { dim: 4 } }
tower: deep_crossing
`,
    "shop.yaml",
  );

it("options without an effect are not in the compiled spec: specs keep their hash", () => {
  const hash = specHash(specOf());
  expect(specHash(specOf(', null_values: [""], numbers_as_strings: false'))).toBe(hash);
  expect(specHash(specOf("", "", ', null_values: [""]'))).toBe(hash);
  const timed = specHash(specOf("", ", time: ts"));
  expect(specHash(specOf("", ', time: { from: ts, unit: ms, zone: "UTC" }'))).toBe(timed);
  expect(specHash(specOf("", ', time: { from: ts, zone: "+00:00" }'))).toBe(timed);
});

it("options that change values are compiled, survive a round trip, and are part of the decode identity", () => {
  const plain = decodeIdentity(specOf()).hash;
  for (const spec of [
    specOf(', null_values: ["", NA, "\\\\N", NA]'),
    specOf(", numbers_as_strings: true"),
    specOf("", ", positive: [2, buy, true]"),
    specOf("", ', time: { from: ts, unit: ns, zone: "-03:30" }'),
    specOf("", "", ', null_values: ["-1"]'),
  ]) {
    expect(compiledFromJson(JSON.stringify(spec))).toEqual(spec);
    expect(decodeIdentity(spec).hash).not.toBe(plain);
  }
  expect(specOf(', null_values: ["", NA, "\\\\N", NA]').events.null_values).toEqual(["NA", "\\N"]);
  expect(specOf("", ", positive: [2, buy, true]").label.positive).toEqual({ any_of: ["2", "buy", "true"] });
  expect(specOf("", ', time: { from: ts, zone: "-03:30" }').label.time).toEqual({ from: "ts", unit: "ms", zone: -210 });
});

it.each([
  ["", ", time: { from: ts, zone: Europe/Berlin }", "", /"Europe\/Berlin" is a named zone/],
  ["", ', time: { from: ts, zone: "+25:00" }', "", /"\+25:00" is not a time zone/],
  ["", ", time: { from: ts, unit: min }", "", /"min" is not one of s, ms, us, ns/],
  ["", ', positive: [1, ">= 4"]', "", /label\.positive\[1\]: ">= 4": a threshold cannot be part of a list/],
  ["", ", positive: []", "", /needs 1 to 64 items/],
  [", null_values: NA", "", "", /events\.null_values: expected a list/],
])("%s%s%s is refused", (events, label, age, message) => {
  expect(() => specOf(events, label, age)).toThrow(message);
});

it("fields that read the same value must have the same null_values", () => {
  const twice = "  - { name: years, from: age, type: numeric, null_values: [NA] }\n";
  expect(specOf("", "", ", null_values: [-1]").fields[1]).toMatchObject({ null_values: ["-1"] });
  expect(() => specOf("", "", ', null_values: ["-1"]', twice)).toThrow(/another field that reads "age"/);
});

it("null_values are refused for vw, where missing features are left out", () => {
  const text = `name: vw
events: { format: vw, null_values: [NA] }
label: { field: label }
fields: [{ name: user, type: categorical, table: ids }]
tables: { ids: { dim: 4 } }
tower: deep_crossing
`;
  expect(() => parseSpec(text, "vw.yaml")).toThrow(/events\.null_values: has no effect for vw/);
});

it.each([
  ["libsvm", "a b", /"a b" is not an index/],
  ["libffm", "3:4", /"3:4" is not a field/],
])("%s: a source must not contain spaces", (format, from, message) => {
  const text = `name: t
events: { format: ${format} }
fields: [{ name: f0..f1, from: 0..1, type: categorical, table: ids }, { name: x, from: "${from}", type: numeric }]
tables: { ids: { dim: 4 } }
tower: deep_crossing
`;
  expect(() => parseSpec(text, "t.yaml")).toThrow(message);
  const { fields } = parseSpec(text.replace(from, "7"), "t.yaml");
  expect(fields.map((field) => "from" in field && field.from)).toEqual(["0", "1", "7"]);
});
