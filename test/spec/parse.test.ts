import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { HashbrookError } from "../../src/core/errors.js";
import { encodingKinds, kindsThat } from "../../src/encodings/index.js";
import { writtenTypes } from "../../src/fields/index.js";
import { optimizerKinds } from "../../src/optimizers/index.js";
import { loadSpec, parseSpec } from "../../src/spec/parse.js";
import { tableDefaults, towerKinds } from "../../src/towers/index.js";
import fc from "../properties.js";

/** The encodings with options under their own name: those that can be nested, then those that nest one. */
const withOptions = [false, true].flatMap((nests) =>
  kindsThat(({ source, inner }) => source && (inner !== undefined) === nests),
);

const good = `name: t
events: { format: tsv, columns: [label, oracle, w, ts, id, a, b, x, C1..C3, tags, vec] }
label: { field: label, oracle: oracle }
fields:
  - { name: a, type: categorical, table: ids }
  - { name: b, type: categorical, table: ids }
  - { name: x, type: numeric, transform: log1p }
  - { name: C1..C3, type: categorical, table: small }
  - { name: tags, type: bag, table: small }
  - { name: a_x_b, type: cross, of: [a, b], table: ids }
  - { name: vec, type: vector, length: 4 }
tables:
  ids: { dim: 8 }
  small: { encoding: hash, rows: 1_000, dim: 4 }
tower: deep_crossing
`;

/** The valid spec with one passage changed. */
function changed(from: string, to: string): string {
  expect(good).toContain(from);
  return good.replace(from, to);
}

function errorOf(text: string): HashbrookError {
  try {
    parseSpec(text, "f.yaml");
  } catch (error) {
    if (error instanceof HashbrookError) return error;
    throw error;
  }
  throw new Error("no error");
}

test("a file that is not YAML is reported in a few lines", () => {
  const { message } = errorOf(
    `# ${"words: and more: words `and ticks`, ".repeat(50)}\n${"| a | `b`: c |\n- x: y: z\n".repeat(50)}`,
  );
  expect(message.split("\n").length).toBeLessThanOrEqual(3);
  expect(message.length).toBeLessThan(1000);
});

test("the valid spec is accepted", () => {
  expect(parseSpec(good, "f.yaml").name).toBe("t");
});

/** what is changed, message, hint */
const cases: Record<string, readonly (readonly [string, string, string, string])[]> = {
  shape: [
    ["name: t\n", "", 'f.yaml:1:1: "name" is missing', "add name: The model's name."],
    ["name: t", "name: [t]", "f.yaml:1:7: name: expected a text, got a list", "The model's name."],
    ["name: t", "name: 5", "f.yaml:1:7: name: expected a text, got the number 5", "The model's name."],
    ["name: t", "name:", "f.yaml:1:6: name: expected a text, got nothing", "The model's name."],
    [
      "name: t",
      "name: a b",
      'f.yaml:1:7: name: "a b" is not a valid name: use a letter or _, then letters, digits, _ . - (at most 64 characters)',
      "The model's name.",
    ],
    [
      "format: tsv",
      "format: tvs",
      'f.yaml:2:19: events.format: "tvs" is not one of tsv, csv, json, vw, libsvm, libffm, avro, protobuf',
      'did you mean "tsv"?',
    ],
    [
      "type: categorical, table: ids",
      "tpye: categorical, table: ids",
      "f.yaml:5:16: fields[0].tpye: unknown key",
      'did you mean "type"?',
    ],
    ["length: 4", "lenght: 4", "f.yaml:11:32: fields[6].lenght: unknown key", 'did you mean "length"?'],
    [
      "dim: 8",
      "colour: red, dim: 8",
      "f.yaml:13:10: tables.ids.colour: unknown key",
      `known: encoding, dim, nested, salt, rows, init, optimizer, precision, rounding, budget, shards, admission, eviction, ${withOptions.join(", ")}`,
    ],
    [
      "dim: 8",
      "dim: 0",
      "f.yaml:13:15: tables.ids.dim: must be at least 1, got 0",
      `Floats a row. Default 16; ${tableDefaults("dim")}.`,
    ],
    [
      "dim: 8",
      "dim: 4097",
      "f.yaml:13:15: tables.ids.dim: must be at most 4096, got 4097",
      `Floats a row. Default 16; ${tableDefaults("dim")}.`,
    ],
    [
      "dim: 8",
      "dim: 1.5",
      "f.yaml:13:15: tables.ids.dim: expected a whole number, got the number 1.5",
      `Floats a row. Default 16; ${tableDefaults("dim")}.`,
    ],
    [
      "dim: 8",
      "init: .inf",
      "f.yaml:13:16: tables.ids.init: must be finite, got Infinity",
      `A new row's weights are uniform in [-init, init]. Default 0.01; ${tableDefaults("init")}.`,
    ],
    [
      "dim: 8",
      "optimizer: { ftrl: { alpha: 0 } }",
      "f.yaml:13:38: tables.ids.optimizer.ftrl.alpha: must be above 0, got 0",
      "Learning rate. Default 0.2; 0.1 in wide and in models that learn event by event.",
    ],
    [
      "dim: 8",
      "optimizer: { adam: { beta1: 1 } }",
      "f.yaml:13:38: tables.ids.optimizer.adam.beta1: must be below 1, got 1",
      "Decay of the first moment.",
    ],
    [
      "dim: 8",
      "encoding: exakt",
      `f.yaml:13:20: tables.ids.encoding: "exakt" is not one of ${encodingKinds.join(", ")}`,
      'did you mean "exact"?',
    ],
    [
      "dim: 8",
      "optimizer: ftlr",
      `f.yaml:13:21: tables.ids.optimizer: "ftlr" is not one of ${optimizerKinds.join(", ")}`,
      'did you mean "ftrl"?',
    ],
    [
      "type: bag",
      "type: sack",
      `f.yaml:9:25: fields[4].type: "sack" is not one of ${writtenTypes.join(", ")}`,
      `known: ${writtenTypes.join(", ")}`,
    ],
    [
      "of: [a, b]",
      "of: [a]",
      "f.yaml:10:37: fields[5].of: needs 2 to 16 items, has 1",
      "The fields whose combination is the value.",
    ],
    [
      "tower: deep_crossing",
      "tower: 3",
      `f.yaml:15:8: tower: expected one of ${towerKinds.join(", ")}, got the number 3`,
      "A tower with its defaults.",
    ],
  ],
  events: [
    [
      "columns: [label, ",
      "columns: [label, a, ",
      'f.yaml:2:63: events.columns[6]: "a" is listed twice',
      "give every column a different name",
    ],
    [
      "C1..C3, tags, vec]",
      "C3..C1, tags, vec, C1, C2, C3]",
      'f.yaml:2:69: events.columns[8]: "C3..C1" is descending: write C1..C3',
      "write two names that differ only in their final number: C1..C26",
    ],
    [
      "format: tsv",
      'separator: "||", format: tsv',
      'f.yaml:2:22: events.separator: "||" cannot separate columns',
      'use one ASCII character other than a quote or a line break: ";", "\\t", "\\x01"',
    ],
    [
      "format: tsv, columns: [label, oracle, w, ts, id, a, b, x, C1..C3, tags, vec]",
      "format: json, header: true",
      "f.yaml:2:33: events.header: has no effect for json",
      "remove it: it is for tsv and csv",
    ],
    [
      "format: tsv, columns: [label, oracle, w, ts, id, a, b, x, C1..C3, tags, vec]",
      "format: csv",
      'f.yaml:2:9: events: "columns" is missing: csv requires the names of its columns',
      "e.g. columns: [label, I1..I13, C1..C26]; or header: true, if the first line of every file names them",
    ],
  ],
  label: [
    ["field: label", "field: lable", 'f.yaml:3:17: label.field: "lable" is not a column', 'did you mean "label"?'],
    [
      "field: label",
      "field: label, from: label",
      "f.yaml:3:30: label.from: field and from have the same meaning, but both are given",
      "keep one of them",
    ],
    [
      "field: label",
      'positive: ">= four"',
      'f.yaml:3:20: label.positive: ">= four" is neither a value nor a threshold',
      'e.g. positive: "1" or positive: ">= 4"; a text that begins so is written in a list: positive: [">50K"]',
    ],
    [
      "field: label",
      "time: { from: tz, unit: s }",
      'f.yaml:3:24: label.time.from: "tz" is not a column',
      'did you mean "ts"?',
    ],
    ["field: label", "weight: ww", 'f.yaml:3:18: label.weight: "ww" is not a column', 'did you mean "w"?'],
    [
      "oracle: oracle",
      "id: nope",
      'f.yaml:3:28: label.id: "nope" is not a column',
      "known: label, oracle, w, ts, id, a, b, x, C1, C2, C3, tags, vec",
    ],
  ],
  fields: [
    ["name: a,", "name: a, from: aa,", 'f.yaml:5:22: fields[0].from: "aa" is not a column', 'did you mean "a"?'],
    [
      "name: x,",
      "name: a, from: x,",
      'f.yaml:7:13: fields[2].name: "a" is also the name of fields[0]',
      "give every field a different name, and its column or path in `from`",
    ],
    [
      "name: C1..C3,",
      "name: D1..D2, from: C1..C3,",
      "f.yaml:8:27: fields[3].from: has 3 sources for 2 fields",
      "make both ranges equally long",
    ],
    [
      "name: x,",
      "name: x, from: oracle,",
      'f.yaml:7:5: fields[2]: "x" reads the oracle ("oracle")',
      "remove the field: a model must not see what it predicts",
    ],
    [
      "name: x,",
      "name: x, from: label,",
      'f.yaml:7:5: fields[2]: "x" reads the label ("label")',
      "remove the field: a model must not see what it predicts",
    ],
    [
      "type: numeric, transform: log1p",
      "type: numeric, transform: log1p-bucket",
      'f.yaml:7:5: fields[2]: "x" is not used',
      "give it a table, or name it in a cross or in wide",
    ],
    [
      "type: numeric, transform: log1p",
      "type: numeric, table: ids",
      'f.yaml:7:38: fields[2].table: the number "x" feeds the tower unchanged, without a table',
      "remove `table`, or give it a bucket transform",
    ],
    [
      "transform: log1p",
      "transform: standardize, missing: 1",
      "f.yaml:7:64: fields[2].missing: has no effect: a missing value is the mean",
      "remove it (it is for raw and log1p)",
    ],
    [
      "transform: log1p",
      "transform: { buckets: [1, 1] }, table: ids",
      "f.yaml:7:57: fields[2].transform.buckets[1]: must be above the previous boundary",
      "write the boundaries in ascending order",
    ],
    [
      "transform: log1p",
      "transform: {}, table: ids",
      "f.yaml:7:42: fields[2].transform: needs exactly one of buckets, log_buckets, even_buckets",
      "e.g. transform: { buckets: [0, 10, 100] }",
    ],
    [
      "transform: log1p",
      "transform: { log_buckets: { min: 9, max: 2 } }, table: ids",
      "f.yaml:7:57: fields[2].transform.log_buckets: max 2 is below min 9",
      "raise max or lower min",
    ],
    [
      "transform: log1p",
      "transform: { log_buckets: { min: 1e-300, max: 1e300 } }, table: ids",
      "f.yaml:7:57: fields[2].transform.log_buckets: results in more than 4096 boundaries",
      "lower max or per_doubling, or raise min",
    ],
    [
      "transform: log1p",
      "transform: { log_buckets: { max: .inf } }, table: ids",
      "f.yaml:7:64: fields[2].transform.log_buckets.max: must be finite, got Infinity",
      "Maximum of the boundaries; larger values share a bucket.",
    ],
    [
      "transform: log1p",
      "transform: { even_buckets: { width: 1, max: 1e9 } }, table: ids",
      "f.yaml:7:58: fields[2].transform.even_buckets: results in more than 4096 boundaries",
      "lower max or raise width",
    ],
    [
      "type: bag,",
      'type: bag, separator: "123456789",',
      'f.yaml:9:41: fields[4].separator: "123456789" cannot separate items',
      "use 1 to 8 bytes without a line break",
    ],
    ["of: [a, b]", "of: [a, bb]", 'f.yaml:10:41: fields[5].of[1]: "bb" is not a field', 'did you mean "b"?'],
    [
      "of: [a, b]",
      "of: [a, x]",
      'f.yaml:10:41: fields[5].of[1]: "x" is numeric (log1p), which cannot be crossed',
      "cross categorical fields and numeric fields with a bucket transform",
    ],
    [
      "of: [a, b]",
      "of: [a, tags]",
      'f.yaml:10:41: fields[5].of[1]: "tags" is a bag, which cannot be crossed',
      "cross categorical fields and numeric fields with a bucket transform",
    ],
    [
      "of: [a, b]",
      "of: [a, a]",
      'f.yaml:10:41: fields[5].of[1]: "a" is listed twice',
      "list every field of a cross once",
    ],
    [
      "name: a_x_b",
      "name: y1..y2",
      "f.yaml:10:13: fields[5].name: a cross has one name, not a range",
      "write one cross for each pair",
    ],
    ["length: 4", "length: 4, take: 5", "f.yaml:11:49: fields[6].take: takes 5 of 4 numbers", "take at most `length`"],
  ],
  tables: [
    [
      "type: bag, table: small",
      "type: bag, table: smal",
      'f.yaml:9:37: fields[4].table: table "smal" is not defined',
      'did you mean "small"?',
    ],
    [
      "  ids: { dim: 8 }",
      "  ids: { dim: 8 }\n  more: {}",
      "f.yaml:14:9: tables.more: no field uses this table",
      "remove it, or give a field `table: more`",
    ],
    [
      "rows: 1_000, ",
      "",
      'f.yaml:14:10: tables.small: "rows" is missing: a hash table has a fixed size',
      "e.g. rows: 1_000_000, or budget: 50 MB",
    ],
    [
      "rows: 1_000",
      "rows: 4_000_000_000",
      "f.yaml:14:10: tables.small: 4000000000 rows of 4 floats and their ftrl state need 120.1 GiB, the limit of one memory is 4",
      "set shards: 32, or lower rows or dim",
    ],
    [
      "rows: 1_000",
      "shards: 4, rows: 3",
      "f.yaml:14:36: tables.small.shards: 3 rows cannot be split over 4 memories",
      "use 3 at most",
    ],
    [
      "tower: deep_crossing",
      "tower: deep_crossing\nwide: { fields: [a, bb] }",
      'f.yaml:16:21: wide.fields[1]: "bb" is not a field',
      'did you mean "b"?',
    ],
    [
      "tower: deep_crossing",
      "tower: deep_crossing\nwide: { fields: [a, vec] }",
      'f.yaml:16:21: wide.fields[1]: "vec" is a vector, which feeds the tower only',
      "remove it",
    ],
    [
      "tower: deep_crossing",
      "tower: deep_crossing\nwide: { fields: [a, a] }",
      'f.yaml:16:21: wide.fields[1]: "a" is listed twice',
      "list it once",
    ],
    [
      "tower: deep_crossing",
      "tower: deep_crossing\nwide: { fields: [a], bits: 4, rows: 4 }",
      "f.yaml:16:37: wide.rows: bits and rows are both given",
      "keep one of them: rows = 2^bits",
    ],
  ],
  tower: [
    [
      "tower: deep_crossing",
      "tower: wide_deep",
      "f.yaml:15:8: tower: wide_deep requires a `wide` part",
      "add wide: { fields: [...] }",
    ],
    [
      "tower: deep_crossing",
      "tower: deepfm",
      "f.yaml:13:3: tables: deepfm multiplies embeddings, which requires equal dims, got 8, 4",
      "give all tables the same dim, or use a tower that takes any: deep_crossing, wide_deep, dcn_v2",
    ],
    [
      "tower: deep_crossing",
      "tower: { lr: {}, fm: {} }",
      "f.yaml:15:8: tower: must name exactly one tower",
      `use one of ${towerKinds.join(", ")}`,
    ],
    [
      "tower: deep_crossing",
      "tower: { deep_crossing: {}, optimizer: { adam: {}, sgd: {} } }",
      "f.yaml:15:40: tower.optimizer: must name exactly one optimizer",
      `use one of ${optimizerKinds.join(", ")}`,
    ],
  ],
};

for (const [group, list] of Object.entries(cases)) {
  describe(group, () => {
    test.each(list)("%s → %s", (from, to, message, hint) => {
      const error = errorOf(changed(from, to));
      expect(error.code).toBe("spec_invalid");
      expect({ message: error.message, hint: error.hint }).toEqual({ message, hint });
    });
  });
}

test("a batch too large to cross threads is refused", () => {
  const text = changed("type: vector, length: 4", "type: vector, length: 65536").replace(
    "tower:",
    "train: { batch: 65536 }\ntower:",
  );
  expect(errorOf(text).message).toBe("f.yaml:15:17: train.batch: a batch of 65536 rows takes 16.0 GiB, the limit is 1");
});

test("a number that would be compared as another text is refused: -9223372036854775807 as -9223372036854776000", () => {
  const positive = (value: string) => changed("oracle: oracle }", `oracle: oracle, positive: ${value} }`);
  const why = "has more digits than a number keeps";
  expect(errorOf(positive("-9223372036854775807")).message).toContain(`label.positive: -9223372036854775807 ${why}`);
  expect(errorOf(positive("[1, 9007199254740993]")).message).toContain(`positive[1]: 9007199254740993 ${why}`);
  for (const value of ['"9007199254740993"', "9007199254740991", "1e300", "[0, 1_000_000]"])
    expect(() => parseSpec(positive(value), "f.yaml")).not.toThrow();
});

test("YAML errors have their position, too", () => {
  const twice = errorOf(`${good}name: again\n`);
  expect(twice.message).toBe("f.yaml:16:1: Map keys must be unique");
  expect(twice.hint).toBe("remove one of the two: every key may occur once");
  expect(errorOf("name: [t").message).toMatch(/^f\.yaml:1:\d+: /);
  expect(errorOf("").message).toBe("f.yaml:1:1: expected a map of keys, got nothing");
  expect(errorOf("a: &x [*x]\n").message).toContain("f.yaml:1:1: a: unknown key");
});

test("a tag such as !env is refused: `!env LABEL` was the column LABEL", () => {
  const error = errorOf(changed("field: label,", "field: !env LABEL,"));
  expect(error).toMatchObject({
    message: "f.yaml:3:17: Unresolved tag: !env",
    hint: expect.stringContaining("no tags"),
  });
});

test("several documents and merge keys are explained in terms of the spec, not of the YAML library", () => {
  expect(errorOf(`${good}---\nname: u\n`)).toMatchObject({
    message: "f.yaml:16:1: Source contains multiple documents",
    hint: expect.stringContaining("one model"),
  });
  const merged = changed("small: {", "small: &small {").replace("tower:", "  more: { <<: *small }\ntower:");
  expect(errorOf(merged).hint).toContain("no merge keys");
});

test("all problems are reported together, in file order, each with its fix", () => {
  const text = good
    .replace("of: [a, b]", "of: [a, bb]")
    .replace("dim: 8", "dim: 0")
    .replace("table: small }", "tabel: small }")
    .replace("field: label", "field: lable");
  const error = errorOf(text);
  expect(error.message.split("\n")).toEqual([
    'f.yaml:3:17: label.field: "lable" is not a column',
    "f.yaml:8:40: fields[3].tabel: unknown key",
    'f.yaml:10:41: fields[5].of[1]: "bb" is not a field',
    "f.yaml:13:15: tables.ids.dim: must be at least 1, got 0",
  ]);
  expect(error.hint?.split("\n")).toEqual([
    '3:17: did you mean "label"?',
    '8:40: did you mean "table"?',
    '10:41: did you mean "b"?',
    `13:15: Floats a row. Default 16; ${tableDefaults("dim")}.`,
  ]);
});

describe("lr and fm", () => {
  const linear = `name: t
events: { format: csv, columns: [label, a, x, v] }
fields:
  - { name: a, type: categorical, table: w }
  - { name: x, type: numeric, table: w }
tables: { w: {} }
tower: lr
`;

  test("are valid with one table", () => {
    expect(parseSpec(linear, "f.yaml").tables).toHaveLength(1);
    expect(parseSpec(`${linear}wide: { fields: [a] }\n`, "f.yaml").tables).toMatchObject([
      { role: "embedding" },
      { role: "wide" },
    ]);
  });

  test.each([
    [["type: numeric, table: w", "type: numeric"], 'f.yaml:5:5: fields[1]: "x" is not used'],
    [
      ["type: numeric, table: w", "type: vector, from: v, length: 2"],
      'f.yaml:5:5: fields[1]: lr cannot use the vector "x"',
    ],
    [["w: {}", "w: { dim: 4 }"], "f.yaml:6:21: tables.w.dim: must be 1 for lr, got 4"],
    [["tower: lr", "tower: { lr: {}, optimizer: adam }"], "f.yaml:7:29: tower.optimizer: lr has no dense weights"],
  ])("%s", ([from, to], message) => {
    expect(errorOf(linear.replace(from, to)).message).toBe(message);
  });

  test("refuse two tables", () => {
    const text = linear
      .replace("type: numeric, table: w", "type: numeric, table: u")
      .replace("{ w: {} }", "{ w: {}, u: {} }");
    expect(errorOf(text).message).toBe("f.yaml:6:9: tables: lr requires exactly one table, got 2");
  });
});

describe("loadSpec", () => {
  const folder = mkdtempSync(join(tmpdir(), "hashbrook-spec-"));

  test("reads a file and names it in errors", () => {
    writeFileSync(join(folder, "good.yaml"), good);
    writeFileSync(join(folder, "bad.yaml"), "name: t\n");
    expect(loadSpec(join(folder, "good.yaml"))).toEqual(parseSpec(good, "f.yaml"));
    expect(() => loadSpec(join(folder, "bad.yaml"))).toThrow(`${join(folder, "bad.yaml")}:1:1: "events" is missing`);
  });

  test("shows only the beginning of a file of events given as a spec", () => {
    const path = join(folder, "events.tsv");
    writeFileSync(path, "1\ta\tb\n".repeat(1000));
    expect(() => loadSpec(path)).toThrow(
      expect.objectContaining({ code: "spec_invalid", message: expect.stringMatching(/^.{20,300}…"$/) }),
    );
  });

  test("distinguishes a missing file, a folder and bytes that are not text", () => {
    writeFileSync(join(folder, "latin1.yaml"), Buffer.from([0x6e, 0xe9]));
    const codeOf = (name: string): string => {
      try {
        loadSpec(join(folder, name));
      } catch (error) {
        return (error as HashbrookError).code;
      }
      return "none";
    };
    expect(codeOf("nothing.yaml")).toBe("source_missing");
    expect(codeOf(".")).toBe("source_unreadable");
    expect(codeOf("latin1.yaml")).toBe("spec_invalid");
  });
});

describe("sources other than columns", () => {
  const spec = (format: string, from: string) =>
    `name: t\nevents: { format: ${format} }\nfields: [{ name: a, from: "${from}", type: categorical, table: t }]\ntables: { t: {} }\ntower: deep_crossing\n`;

  test.each([
    ["json", "user..id", 'f.yaml:3:27: fields[0].from: "user..id" is not a range: write it like C1..C26'],
    ["json", "user.", 'f.yaml:3:27: fields[0].from: "user." is not a path'],
    ["vw", "a b", 'f.yaml:3:27: fields[0].from: "a b" is not a namespace'],
    ["vw", "label", 'f.yaml:3:10: fields[0]: "a" reads the label ("label")'],
  ])("%s: %s", (format, from, message) => {
    expect(errorOf(spec(format, from)).message.split("\n")[0]).toBe(message);
  });

  test.each([
    ["json", "user.id"],
    ["vw", "u"],
  ])("%s: %s is valid", (format, from) => {
    expect(parseSpec(spec(format, from), "f.yaml").fields[0]).toMatchObject({ from });
  });
});

test("dlrm requires two vectors", () => {
  const spec = (more: string) => `name: t
events: { format: json }
fields: [{ name: a, type: categorical, table: t }${more}]
tables: { t: {} }
tower: dlrm
`;
  expect(errorOf(spec("")).message).toBe("f.yaml:5:8: tower: dlrm requires at least two vectors, got one");
  expect(parseSpec(spec(", { name: n, type: numeric }"), "f.yaml").tower.kind).toBe("dlrm");
});

test("any corruption of a spec gives spec_invalid with a position", () => {
  const words = fc.constantFrom(
    "",
    " ",
    ":",
    "{",
    "}",
    "[",
    "]",
    "-",
    "..",
    "*x",
    "&x ",
    "? ",
    "!!int ",
    "null",
    "0",
    "-1",
    "1e999",
    "\n",
    '"',
    "<<: ",
    "__proto__: ",
  );
  fc.assert(
    fc.property(
      fc.nat(good.length - 1),
      fc.oneof(words, fc.string({ maxLength: 4 })),
      fc.nat(6),
      (at, word, dropped) => {
        try {
          parseSpec(good.slice(0, at) + word + good.slice(at + dropped), "f.yaml");
        } catch (error) {
          if (!(error instanceof HashbrookError) || error.code !== "spec_invalid") throw error;
          for (const line of error.message.split("\n")) expect(line).toMatch(/^f\.yaml:\d+:\d+: ./);
          expect(error.hint).not.toBe("");
        }
      },
    ),
    { numRuns: 300 },
  );
});

test("a table may have any allowed name, also __proto__", () => {
  const text = good.replaceAll("ids", "__proto__").replaceAll("small", "constructor");
  expect(parseSpec(text, "f.yaml").tables.map(({ name }) => name)).toEqual(["__proto__", "constructor"]);
});
