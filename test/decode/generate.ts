// Random specs and events of every field type, as text in every format.

import type { CompiledField, CompiledSpec, Format } from "../../src/spec/compiled.js";
import { noKnobs } from "../../src/towers/first-knobs.js";
import fc from "../properties.js";
import { hashText } from "./reference.js";

const hex = (value: bigint) => value.toString(16).padStart(16, "0");

/** A compiled spec of these fields: single cells go to "ids" and (categorical) "wide", bags to "ids" and "items". */
export function specOf(
  fields: readonly CompiledField[],
  parts: Partial<Omit<CompiledSpec, "fields">> = {},
): CompiledSpec {
  const seed = parts.seed ?? 42;
  const singles = fields
    .filter(({ type }) => ["categorical", "buckets", "cross"].includes(type))
    .map(({ name }) => name);
  const bags = fields.filter(({ type }) => type === "bag").map(({ name }) => name);
  const table = (name: string, single: string[], bag: string[], salt: "table" | "field") => {
    const tableSeed = hashText(name, BigInt(seed));
    const cell = (kind: "single" | "bag") => (field: string) => {
      return { field, kind, seed: hex(salt === "table" ? tableSeed : hashText(field, tableSeed)) } as const;
    };
    const optimizer = { kind: "sgd", learning_rate: 0.1 } as const;
    const cells = [...single.map(cell("single")), ...bag.map(cell("bag"))];
    return {
      name,
      role: "embedding",
      encoding: "hash",
      rows: 1000,
      dim: 4,
      init: 0,
      optimizer,
      seed: hex(tableSeed),
      cells,
    } as const;
  };
  return {
    name: "test",
    seed,
    batch: 64,
    window: 1000,
    events: { format: "tsv", columns: [], header: false, separator: "\t" },
    label: { from: "label", positive: { equals: "1" }, weight: null, time: null, id: null, oracle: null },
    fields,
    tables: [table("ids", singles, bags, "field"), table("wide", singles.slice(0, 2), bags.slice(0, 1), "table")],
    numbers: fields.filter(({ type }) => type === "numeric").map(({ name }) => name),
    tower: {
      kind: "lr",
      ...noKnobs,
      optimizer: { kind: "sgd", learning_rate: 0.1 },
      runtime: "onnxruntime",
    },
    ...parts,
  };
}

/** At least one field of every type; json paths are nested. */
export function everyField(format: Format): CompiledField[] {
  const at = (path: string) => (format === "json" ? path : path.replaceAll(".", "_"));
  return [
    { name: "user", type: "categorical", from: at("user.id") },
    { name: "city", type: "categorical", from: at("user.home.city") },
    { name: "plain", type: "categorical", from: "plain" },
    { name: "quoted", type: "categorical", from: format === "json" ? 'odd "näme"' : "quoted" },
    { name: "age", type: "numeric", from: at("user.age"), transform: "raw", missing: 0 },
    { name: "count", type: "numeric", from: "count", transform: "log1p", missing: 0 },
    { name: "price", type: "buckets", from: "price", boundaries: [-1, 0, 0.5, 10, 1000] },
    { name: "age_bucket", type: "buckets", from: at("user.age"), boundaries: [18, 30, 50] },
    { name: "user_price", type: "cross", of: ["user", "price"] },
    { name: "five", type: "cross", of: ["user", "city", "plain", "price", "age_bucket"] },
    { name: "tags", type: "bag", from: "tags", separator: "|", combiner: "mean", max_length: 3 },
    { name: "words", type: "bag", from: at("text.words"), separator: "; ", combiner: "sum", max_length: 50 },
    { name: "vec", type: "vector", from: "vec", separator: ",", length: 3, take: 2 },
    { name: "vec2", type: "vector", from: at("text.vec"), separator: " ", length: 2, take: 2 },
  ];
}

/** A spec that reads everything, including label, weight, time, id and oracle. */
export function everySpec(format: Format, label: "equals" | "at_least" = "equals"): CompiledSpec {
  const fields = everyField(format);
  const froms = [...new Set(fields.flatMap((field) => ("from" in field ? [field.from] : [])))];
  const vw = format === "vw";
  return specOf(fields, {
    events: {
      format,
      columns:
        format === "tsv" || format === "csv" ? ["label", "weight", "time", "ignored", "event", "oracle", ...froms] : [],
      header: false,
      separator: format === "csv" ? "," : "\t",
    },
    label: {
      from: "label",
      positive: label === "equals" ? { equals: "1" } : { at_least: 3.5 },
      weight: vw ? null : "weight",
      time: { from: "time", unit: "s" },
      id: vw ? "tag" : "event",
      oracle: "oracle",
    },
  });
}

/** Any code point but a surrogate. `fc.string` of them all would first list a million texts. */
const codePoint = fc.oneof(fc.nat(0x7f), fc.nat(0xd7ff), fc.integer({ min: 0xe000, max: 0x10ffff }));

const words = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.string({ minLength: 1, maxLength: 12 }).map((text) => text.replace(/[\s\p{Cc}|:"\\;,']/gu, "_")),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      "a",
      "b",
      "id-1",
      "ünïcödé",
      "日本語",
      "😀",
      "x".repeat(31),
      "y".repeat(32),
      "z".repeat(100),
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .array(codePoint, { maxLength: 8 })
      .map((points) => String.fromCodePoint(...points))
      .map((text) => text.replace(/[\s\p{Cc}\p{Cs}|:"\\;,']/gu, "_")),
  },
);

/** Decimal numbers in every spelling. */
export const numberText = fc.oneof(
  fc.integer({ min: -10, max: 5000 }).map(String),
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e17, max: 1e17 }).map(String),
  fc.float({ noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 }).map(String),
  fc.constantFrom(
    "0",
    "-0",
    "0.5",
    "1e3",
    "1E-3",
    "2.50",
    "123456789012345678",
    "0.1234567890123456789012345",
    "1e-320",
  ),
);
const badNumber = fc.constantFrom("x", "1e999", "-1e19", "1.2.3", "1e", "0x10");
const orBad = <T, U>(good: fc.Arbitrary<T>, bad: fc.Arbitrary<U>) =>
  fc.oneof({ weight: 60, arbitrary: good }, { weight: 1, arbitrary: bad });
const orMissing = (value: fc.Arbitrary<string>) =>
  fc.oneof({ weight: 5, arbitrary: value }, { weight: 1, arbitrary: fc.constant("") });

/** The text of the value at a path, of the kind that the spec expects there. */
function valueText(spec: CompiledSpec, from: string): fc.Arbitrary<string> {
  const { label, fields } = spec;
  const field = fields.find((other) => "from" in other && other.from === from);
  if (from === label.from)
    return orBad(
      fc.constantFrom("0", "1", "1", "1.0", "+1", "01", "1e0", "-1", "True"),
      fc.constantFrom("", "yes", "0.5", "4"),
    );
  if (from === label.weight)
    return orMissing(
      orBad(fc.constantFrom("1", "2.5", "0.125"), fc.constantFrom("0", "-1", "x", "1e-60", "1000001", "1e18")),
    );
  if (from === label.time?.from)
    return orBad(
      fc.constantFrom("1700000000", "1700000000.25", "2023-11-14 22:13:20"),
      fc.constantFrom("", "noon", "-1", "0", "1700000000000"),
    );
  if (from === label.id) return orBad(words, fc.constant(""));
  if (from === label.oracle) return orMissing(orBad(fc.constantFrom("0", "0.25", "1"), fc.constantFrom("1.5", "x")));
  if (field?.type === "numeric" || field?.type === "buckets") return orMissing(orBad(numberText, badNumber));
  if (field?.type === "bag")
    return fc.array(orMissing(words), { maxLength: 6 }).map((items) => items.join(field.separator));
  if (field?.type === "vector") {
    const { length, separator } = field;
    const numbers = (count: number) => fc.array(orBad(numberText, badNumber), { minLength: count, maxLength: count });
    return orMissing(orBad(numbers(length), numbers(length + 1)).map((items) => items.join(separator)));
  }
  return orMissing(words);
}

function sources(spec: CompiledSpec): string[] {
  const { from, weight, time, id, oracle } = spec.label;
  const fields = spec.fields.flatMap((field) => ("from" in field ? [field.from] : []));
  return [...new Set([from, weight, time?.from, id, oracle, ...fields].filter((name) => name != null))];
}

/** One row's text, without its newline. */
export function rowText(spec: CompiledSpec): fc.Arbitrary<string> {
  const values = fc.record(Object.fromEntries(sources(spec).map((from) => [from, valueText(spec, from)])));
  const { format } = spec.events;
  if (format === "json") return fc.tuple(values, jsonStyle).map(([record, style]) => jsonRow(spec, record, style));
  if (format === "vw") return fc.tuple(values, fc.boolean()).map(([record, wide]) => vwRow(spec, record, wide));
  return fc.tuple(values, fc.nat(200)).map(([record, odd]) => delimitedRow(spec, record, odd));
}

function delimitedRow(spec: CompiledSpec, record: Record<string, string>, odd: number): string {
  const { columns, separator, format } = spec.events;
  const cells = columns.map((name) => record[name] ?? "-");
  if (odd === 0) cells.pop();
  if (odd === 1) cells.push("more");
  if (odd === 2) return "";
  if (format === "tsv") return cells.join(separator);
  const quote = (cell: string, i: number) => {
    const text = (odd + i) % 23 === 0 ? `${cell}"\n${cell}` : cell;
    return /[",\n\r]/.test(text) || (odd + i) % 7 === 0 ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const row = cells.map(quote).join(separator) + (odd % 3 === 0 ? "\r" : "");
  return odd === 3 ? row.replace(/[a-z]/, '$&"') : row;
}

interface JsonStyle {
  readonly space: string;
  readonly odd: number;
  readonly extra: fc.JsonValue;
  readonly escaped: boolean;
}
const jsonStyle: fc.Arbitrary<JsonStyle> = fc.record({
  space: fc.constantFrom("", "", " ", "\t "),
  odd: fc.nat(120),
  extra: fc.jsonValue({ maxDepth: 3 }),
  escaped: fc.boolean(),
});

function jsonRow(
  spec: CompiledSpec,
  record: Record<string, string>,
  { space, odd, extra, escaped }: JsonStyle,
): string {
  const string = (text: string) => {
    const json = JSON.stringify(text);
    return escaped ? json.replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`) : json;
  };
  const scalar = (text: string, i: number) =>
    /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text) ? text : (odd + i) % 13 === 0 ? "true" : string(text);
  const value = (from: string, text: string, i: number): string => {
    const field = spec.fields.find((other) => "from" in other && other.from === from);
    if (text === "" && (odd + i) % 2) return "null";
    if (field?.type === "bag" || field?.type === "vector") {
      if (text === "") return (odd + i) % 3 ? "[]" : "null";
      if (field.type === "bag" && (odd + i) % 4 === 0) return string(text);
      const items = text
        .split(field.separator)
        .map((item, k) => (field.type === "vector" && !/[x.]{2}|x|e$/.test(item) ? item : scalar(item, i + k)));
      const weights = ["1", "-0.25", "1e-3", "0.1234567890123456789", odd === 10 ? "1e99" : odd === 11 ? '"2"' : "0"];
      const weight = (k: number) => weights[(odd + i + k) % weights.length];
      if (field.type === "bag" && (odd + i) % 4 === 1) {
        const members = text.split(field.separator).map((item, k) => `${string(item)}${space}:${space}${weight(k)}`);
        return `{${space}${members.join(`${space},${space}`)}${space}}`;
      }
      if (field.type === "bag" && (odd + i) % 4 === 2) {
        for (let k = odd % 2; k < items.length; k += 2) {
          const pair = odd === 12 ? [items[k]] : [items[k], weight(k), ...(odd === 13 ? ["1"] : [])];
          items[k] = `[${space}${pair.join(`${space},${space}`)}${space}]`;
        }
      }
      return `[${space}${items.join(`${space},${space}`)}${space}]`;
    }
    if (text === "") return "null";
    return scalar(text, i);
  };
  const tree: Record<string, unknown> = {};
  const members = Object.entries(record).map(([from, text], i) => ({
    path: from.split("."),
    text: value(from, text, i),
  }));
  for (const { path, text } of members) {
    if (odd === 4 && path.length > 1) tree[path.join(".")] = text;
    else {
      let object = tree;
      for (const name of path.slice(0, -1)) {
        object[name] ??= {};
        object = object[name] as Record<string, unknown>;
      }
      object[path.at(-1)!] = text;
    }
  }
  const text = (node: unknown): string => {
    if (typeof node === "string") return node;
    const list = Object.entries(node as object).map(
      ([name, child]) => `${string(name)}${space}:${space}${text(child)}`,
    );
    if (odd % 5 === 0) list.splice(odd % (list.length + 1), 0, `"extra":${JSON.stringify(extra)}`);
    if (odd === 6) list.push('"user":null', '"user":{"id":"again"}');
    if (odd === 7) list.push('"text":5');
    if (odd === 8) list.push('"plain":"\\ud800"');
    if (odd === 9) list.push('"plain":{}');
    if (odd % 11 === 10) list.reverse();
    return `{${space}${list.join(`${space},${space}`)}${space}}`;
  };
  const row = text(tree);
  return odd === 1 ? row.slice(0, -1) : odd === 2 ? `${row},` : odd === 3 ? "" : row;
}

function vwRow(spec: CompiledSpec, record: Record<string, string>, wide: boolean): string {
  const space = wide ? "  " : " ";
  const { label, importance, tag, ...rest } = { importance: "", ...record } as Record<string, string>;
  const head = [label, importance, tag ? `'${tag}` : ""].filter((word) => word !== "").join(space);
  const namespaces = Object.entries(rest).map(([name, text]) => {
    const field = spec.fields.find((other) => "from" in other && other.from === name);
    if (field?.type === "bag") {
      const items = text.split(field.separator).filter((item) => item !== "");
      return `|${name}${text.length % 7 === 1 ? ":2" : ""} ${items.map((item, i) => (i % 2 ? `${item}:${i / 4}` : item)).join(space)}`;
    }
    if (field?.type === "vector")
      return `|${name} ${text
        .split(field.separator)
        .map((item, i) => (wide ? `${i}:${item}` : item))
        .join(space)}`;
    if (field?.type === "numeric" || field?.type === "buckets")
      return `|${name}${text.length % 5 === 1 ? ":0.5" : ""}${space}${wide && text ? `:${text}` : text}`;
    return `|${name} ${text}`;
  });
  return `${head}${space}${namespaces.join(space)}`;
}
