import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { canonicalJson, hex64 } from "../../src/core/hash.js";
import { xxh64 } from "../../src/kernels/hash.js";
import { decodeIdentity, identityDifference } from "../../src/spec/decode-identity.js";
import { parseSpec } from "../../src/spec/parse.js";

const text = `
name: model
events: { format: tsv, columns: [label, a, b, x, y, tags, v, w, t, id] }
label: { weight: w, time: t, id: id }
fields:
  - { name: a, type: categorical, table: ids }
  - { name: b, type: categorical, table: ids }
  - { name: x, type: numeric, transform: standardize }
  - { name: y, type: numeric, transform: { buckets: [0, 1, 10] }, table: small }
  - { name: tags, type: bag, table: ids, max_length: 5 }
  - { name: v, type: vector, length: 4 }
  - { name: a_x_y, type: cross, of: [a, y], table: small }
tables:
  ids: { dim: 8, salt: field }
  small: { dim: 4, encoding: hash, rows: 1000 }
tower: { deep_crossing: {} }
wide: { fields: [a, tags], bits: 10 }
train: { batch: 64 }
`;

type Tree = { [key: string]: Tree } & Tree[];
/** The spec with something changed, compiled. */
function identity(change: (spec: Tree) => void = () => {}) {
  const tree = parse(text);
  change(tree);
  return decodeIdentity(parseSpec(stringify(tree), "m.yaml"));
}
const set = (tree: unknown, values: object) => Object.assign(tree as object, values);
const same = identity();

describe("the decode identity", () => {
  it("is a hash of canonical JSON", () => {
    expect(same.hash).toBe(hex64(xxh64(canonicalJson(same.value))));
    expect(JSON.parse(JSON.stringify(same.value))).toEqual(same.value);
    expect(identityDifference(same, identity())).toBe("");
  });

  it.each<[string, (spec: Tree) => void]>([
    ["the model's name", (s) => set(s, { name: "other" })],
    ["an encoding", (s) => set(s.tables.ids, { encoding: "hash", rows: 500 })],
    ["another encoding", (s) => set(s.tables.ids, { encoding: "compositional", rows: 1_000 })],
    ["dim", (s) => set(s.tables.ids, { dim: 2 })],
    ["rows", (s) => set(s.tables.small, { rows: 10 })],
    ["precision", (s) => set(s.tables.ids, { precision: "f16" })],
    ["initial weights", (s) => set(s.tables.ids, { init: 0.5 })],
    ["admission and eviction", (s) => set(s.tables.ids, { admission: { occurrence_threshold: 3 } })],
    ["an optimizer", (s) => set(s.tables.ids, { optimizer: { adagrad: { learning_rate: 0.3 } } })],
    ["learning rates", (s) => set(s.tower, { optimizer: { adam: { learning_rate: 0.3 } } })],
    ["the tower", (s) => set(s, { tower: { dcn_v2: {} } })],
    ["the wide part's size", (s) => set(s.wide, { bits: 12 })],
    ["how items become one", (s) => set(s.fields[4], { combiner: "sum" })],
    ["a number that is standardized", (s) => set(s.fields[2], { transform: "raw", missing: 3 })],
    [
      "batch, window, warm-up and sampling",
      (s) => set(s.train, { batch: 8, window: 9, warmup: 8, negative_sampling: 0.5 }),
    ],
    ["calibration", (s) => set(s, { calibration: { by: "a" } })],
    ["the label's prior", (s) => set(s.label, { prior: 0.1 })],
    ["among how many events an id counts once", (s) => set(s.events, { id_window: 5 })],
  ])("does not include %s", (_, change) => {
    expect(identity(change)).toEqual(same);
  });

  it.each<[string, (spec: Tree) => void, string]>([
    ["where a field is read", (s) => set(s.fields[0], { from: "b" }), 'field a.from: "b", not "a"'],
    ["a salt", (s) => set(s.tables.ids, { salt: "table" }), "keys of a[0]: "],
    ["a table's name", (s) => set(s, JSON.parse(JSON.stringify(s).replaceAll('"small"', '"tiny"'))), "keys of y[0]: "],
    ["the seed", (s) => set(s.train, { seed: 7 }), "crosses: 7, not 42"],
    ["a transform", (s) => set(s.fields[2], { transform: "log1p" }), "field x.log1p: true, not nothing"],
    ["a bucket", (s) => set(s.fields[3].transform, { buckets: [0, 2, 10] }), "field y.boundaries[1]: 2, not 1"],
    ["a bag's length", (s) => set(s.fields[4], { max_length: 6 }), "field tags.max_length: 6, not 5"],
    ["a vector's numbers", (s) => set(s.fields[5], { take: 3 }), "field v.take: 3, not 4"],
    ["what is crossed", (s) => set(s.fields[6], { of: ["a", "b"] }), 'field a_x_y.of[1]: "b", not "y"'],
    [
      "a field more",
      (s) => s.fields.push({ name: "z", from: "a", type: "categorical", table: "ids" } as never),
      "field z: ",
    ],
    ["the fields' order", (s) => s.fields.unshift(s.fields.splice(1, 1)[0]), 'fields[0][0]: "b", not "a"'],
    ["a field of the wide part", (s) => set(s.wide, { fields: ["a"] }), "keys of tags[1]: nothing, not "],
    ["what a click is", (s) => set(s.label, { positive: ">= 2" }), "label.positive.at_least: 2, not nothing"],
    ["the weight", (s) => set(s.label, { weight: "x" }), 'label.weight: "x", not "w"'],
    ["the time", (s) => set(s.label, { time: { from: "t", unit: "s" } }), 'label.time.unit: "s", not "ms"'],
    ["the event id", (s) => set(s.label, { id: "a" }), 'label.id: "a", not "id"'],
    [
      "columns",
      (s) => (s.events.columns as unknown as string[]).push("more"),
      'events.columns[10]: "more", not nothing',
    ],
    ["the format", (s) => set(s, { events: { format: "json" } }), 'events.format: "json", not "tsv"'],
  ])("includes %s, which a difference names", (_, change, difference) => {
    const other = identity(change);
    expect(other.hash).not.toBe(same.hash);
    expect(identityDifference(other, same)).toContain(difference);
  });

  it("names only a few of many differences", () => {
    const other = identity((s) => set(s.train, { seed: 7 }));
    expect(identityDifference(other, same).split("; ")).toHaveLength(5);
    expect(identityDifference(other, same)).toMatch(/; and \d+ more differences$/);
  });
});
