import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Batch } from "../../src/core/batch.js";
import { Decoder } from "../../src/decode/decoder.js";
import { asModelSees, modelInputs, Places } from "../../src/explain/inputs.js";
import { type FieldType, fieldKinds, fieldOf, type WrittenType, writtenTypes } from "../../src/fields/index.js";
import type { CompiledSpec } from "../../src/spec/compiled.js";
import { withParts } from "../../src/spec/cross-parts.js";
import { decodeIdentity } from "../../src/spec/decode-identity.js";
import { keysOf } from "../../src/spec/keys.js";
import { parseSpec } from "../../src/spec/parse.js";
import { feed, rowsOf } from "../decode/feed.js";
import { everyField } from "../decode/generate.js";

/** Texts of a type's values, and its options in several forms, which together write each option. */
interface Forms {
  readonly values: readonly string[];
  readonly options: readonly string[];
}

const forms: Readonly<Record<WrittenType, Forms>> = {
  categorical: {
    values: ["p", "n", "ü", "q"],
    options: ["table: ids", "table: ids, null_values: [n]", "table: ids, from: g"],
  },
  numeric: {
    values: ["0", "1", "5.5", "-3", "100"],
    options: [
      "",
      "transform: log1p",
      "transform: log1p, missing: 2",
      "transform: standardize",
      "transform: standardize, half_life: 500",
      "missing: 2",
      "null_values: [1]",
      "from: g",
      "transform: log1p-bucket, table: ids",
      "transform: { buckets: [0, 10] }, table: ids",
      "transform: { buckets: [0, 5] }, table: ids",
    ],
  },
  bag: {
    values: ["p|q|r", "p", "n|q,z", "r|r|s|p"],
    options: [
      "table: ids",
      "table: ids, combiner: sum",
      "table: ids, combiner: sqrtn",
      "table: ids, max_length: 2",
      "table: ids, null_values: [p]",
      "table: ids, from: g",
      'table: ids, separator: ","',
    ],
  },
  cross: { values: ["p", "n"], options: ["table: ids, of: [a, b]", "table: ids, of: [b, a]"] },
  vector: {
    values: ["1|2", "-0.5|0", "3|8"],
    options: [
      "length: 2",
      "length: 2, take: 1",
      'length: 2, null_values: ["3|8"]',
      "length: 2, from: g",
      'length: 2, from: h, separator: ","',
    ],
  },
};

const specOf = (type: string, options: string): CompiledSpec =>
  parseSpec(
    `name: m
events: { format: tsv, columns: [y, a, b, f, g, h] }
label: { field: y }
fields:
  - { name: a, type: categorical, table: ids }
  - { name: b, type: categorical, table: ids }
  - { name: f, type: ${type}${options && `, ${options}`} }
tables: { ids: { dim: 4, salt: field } }
tower: deep_crossing
`,
    "m.yaml",
  );

type Event = Readonly<Record<"a" | "b" | "f" | "g" | "h", string>>;

/** An event for each value; `g` has that of the next one, `h` the same with commas. */
const eventsOf = (values: readonly string[]): Event[] =>
  values.map((f, i) => ({
    a: `a${i}`,
    b: `b${i % 3}`,
    f,
    g: values[(i + 1) % values.length],
    h: f.replaceAll("|", ","),
  }));

function decoded(spec: CompiledSpec, events: readonly Event[]): Batch {
  const lines = events.map(({ a, b, f, g, h }, i) => `${[i % 2, a, b, f, g, h].join("\t")}\n`);
  const [{ batch, rejects }] = feed(new Decoder(spec, { capacity: events.length + 1 }), Buffer.from(lines.join("")));
  expect(rejects).toEqual([]);
  const { layout, rows, buffer, base } = batch;
  return new Batch(layout, rows, buffer.slice(base, base + layout.bytes));
}

const all = Object.keys(fieldKinds) as FieldType[];

it("the decoder's reference, the event cache and requests are tested with every type of field", () => {
  expect(new Set(everyField("json").map(({ type }) => type))).toEqual(new Set(all));
});

describe.each(all)("%s", (type) => {
  const kind = fieldOf(type);
  const members = Object.keys(kind.compiled);

  it("has the members that its role asks for: other code asks a field for them, whatever its type", () => {
    const has = Object.fromEntries(
      ["from", "of", "max_length", "take", "length", "boundaries"].map((m) => [m, members.includes(m)]),
    );
    expect(has).toEqual({
      from: kind.reads !== undefined,
      of: kind.reads === undefined,
      max_length: kind.cell === "bag",
      take: kind.dense === true && kind.cell !== "number",
      length: kind.dense === true && kind.reads === "items",
      boundaries: kind.cell === "single" && kind.reads === "number",
    });
    expect(members.includes("null_values")).toBe(kind.reads !== undefined);
  });

  it("can be written, or comes of a type that can be", () => {
    expect(writtenTypes).toContain(kind.writtenAs ?? type);
  });
});

describe.each(writtenTypes)("%s, in several forms", (type) => {
  const { values, options } = forms[type];
  const specs = options.map((some) => [some, specOf(type, some)] as const);
  const events = eventsOf(values);
  const reversed = events.toReversed();

  it("is tested with each of its options", () => {
    const unwritten = Object.keys(fieldKinds[type].source).filter(
      (key) => !options.some((some) => some.includes(`${key}:`)),
    );
    expect(unwritten).toEqual([]);
  });

  it("has a row in features/README.md", () => {
    const readme = readFileSync(new URL("../../features/README.md", import.meta.url), "utf8");
    expect(readme).toMatch(new RegExp(`^\\| \`${type}\` \\|`, "m"));
  });

  it("is decoded alike by specs with the same decode identity, whose caches each other may read", () => {
    const identities = specs.map(([, spec]) => decodeIdentity(spec).hash);
    const rows = specs.map(([, spec]) => rowsOf(spec, decoded(spec, events)));
    for (const [i, identity] of identities.entries())
      expect(rows[i], options[i]).toEqual(rows[identities.indexOf(identity)]);
  });

  it.each(specs)(
    "{ %s }: what is blanked is what a missing value decodes to, and what is permuted other rows' values",
    (_, plain) => {
      const spec = withParts(plain);
      const input = modelInputs(plain).find(({ fields }) => fields.includes("f"))!;
      const batch = decoded(spec, events);
      const places = new Places(spec, batch.layout, input);
      if (input.source === null) return expect(fieldOf(type).reads).toBeUndefined();
      const missing = decoded(
        spec,
        events.map((event) => ({ ...event, [input.source!]: "" })),
      );
      const blanked = decoded(spec, events);
      places.blank(blanked);
      expect(rowsOf(plain, asModelSees(blanked, plain))).toEqual(rowsOf(plain, asModelSees(missing, plain)));
      const moved = decoded(spec, events);
      places.permute(
        batch,
        moved,
        Uint32Array.from(events, (_, i) => events.length - 1 - i),
      );
      const wanted = events.map((event, i) => ({
        ...event,
        [input.source!]: reversed[i][input.source as keyof Event],
      }));
      expect(rowsOf(plain, asModelSees(moved, plain))).toEqual(
        rowsOf(plain, asModelSees(decoded(spec, wanted), plain)),
      );
    },
  );

  it("has the keys that `hashbrook key` prints for its texts", () => {
    const { reads, hashed } = fieldOf(type);
    const spec = specOf(type, options[0]);
    const texts = hashed && reads !== undefined ? events.map(({ f }) => (reads === "items" ? f.split("|")[0] : f)) : [];
    for (const text of texts) {
      const [row] = rowsOf(spec, decoded(spec, [{ a: "", b: "", f: text, g: "", h: "" }]));
      const [{ key }] = keysOf(spec, "f", [text]);
      expect([...row.keys.flat(), ...row.bags.flatMap(({ keys }) => keys)]).toContain(BigInt(`0x${key}`));
    }
    expect(texts.length).toBe(hashed && reads !== undefined ? values.length : 0);
  });
});
