// A scalar decoder in plain TypeScript, written for clarity: the kernel must equal it, row by row.
import { isUtf8 } from "node:buffer";
import xxhash from "xxhash-wasm";
import type { CompiledField, CompiledSpec, Format } from "../../src/spec/compiled.js";

const { h64Raw } = await xxhash();

export interface Row {
  label: number;
  weight: number;
  time: number;
  id: bigint;
  oracle: number;
  numbers: number[];
  vectors: number[];
  /** Per table. */
  keys: bigint[][];
  /** In table then cell order. */
  bags: { keys: bigint[]; weights: number[] }[];
}

export interface RefusedRow {
  code: string;
  column: string;
  offset: number;
  row: number;
  bytes: Uint8Array;
}

export interface Decoded {
  rows: Row[];
  /** Per accepted row: the offset right after it, and the lines before that. */
  ends: { offset: number; row: number }[];
  rejects: RefusedRow[];
  lines: number;
}

type Kind =
  | "missing"
  | "text"
  | "number"
  | "boolean"
  | "string"
  | "array"
  | "object"
  | "misplaced"
  | "features"
  | "surrogate";
interface Value {
  kind: Kind;
  text: Uint8Array;
  items?: Value[];
  /** An object's members: name and value. */
  members?: [Value, Value][];
  /** vw: what multiplies its numbers. */
  scale?: number;
}
type Event = Map<string, Value>;

class Refusal {
  readonly code: string;
  readonly column: string;
  constructor(code: string, column = "") {
    this.code = code;
    this.column = column;
  }
}

const MAX_ROW = 4 << 20;
const MAX_VALUE = 65535;
const missing: Value = { kind: "missing", text: new Uint8Array() };
const utf8 = new TextEncoder();
const seedOf = (hex: string) => BigInt(`0x${hex}`);
export const hash = (bytes: Uint8Array, seed: bigint): bigint => h64Raw(bytes, seed);
export const hashText = (text: string, seed: bigint): bigint => hash(utf8.encode(text), seed);
const bytesOf = (text: string) => latin1(Buffer.from(text));
const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

/** Decodes one file. */
export function decodeFile(
  spec: CompiledSpec,
  file: Uint8Array,
  options: { format?: Format; requireLabel?: boolean } = {},
): Decoded {
  const { format = spec.events.format, requireLabel = true } = options;
  const decoded: Decoded = { rows: [], ends: [], rejects: [], lines: 0 };
  let at = file[0] === 0xef && file[1] === 0xbb && file[2] === 0xbf ? 3 : 0;
  let columns = spec.events.columns;
  const delimited = format === "tsv" || format === "csv";
  if (delimited && spec.events.header && at < file.length) {
    const end = lineEnd(file, at);
    columns = Buffer.from(file.subarray(at, end)).toString().replace(/\r$/, "").split(spec.events.separator);
    at = end + 1;
    decoded.lines++;
  }
  while (at < file.length) {
    const { end, lines, event } = readRow(spec, format, columns, file, at);
    const bytes = file.subarray(at, end);
    const before = decoded.lines;
    decoded.lines += lines;
    const next = Math.min(end + 1, file.length);
    try {
      const row = event && accept(spec, format, event(), requireLabel);
      if (row) {
        decoded.rows.push(row);
        decoded.ends.push({ offset: next, row: decoded.lines });
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      decoded.rejects.push({
        code: error.code,
        column: error.column,
        offset: at,
        row: before + 1,
        bytes: bytes.slice(0, 65536),
      });
    }
    at = next;
  }
  return decoded;
}

/** Decodes a request's candidates: members of the context, replaced by the candidate's. */
export function decodeMerged(spec: CompiledSpec, context: string, candidate: string): Row {
  const merged = merge(parseJson(bytesOf(context)), parseJson(bytesOf(candidate)));
  return accept(spec, "json", eventOf(merged, pathsOf(spec)), false);
}

/** Merges members recursively: the second object's take precedence; of duplicate names the last one counts. */
function merge(a: JsonObject, b: JsonObject): JsonObject {
  const members = new Map(a.members);
  for (const [name, own] of new Map(b.members)) {
    const inner = members.get(name)?.inner;
    members.set(name, inner && own.inner ? { ...own, inner: merge(inner, own.inner) } : own);
  }
  return { members: [...members], weights: [] };
}

function lineEnd(file: Uint8Array, at: number): number {
  const end = file.indexOf(10, at);
  return end < 0 ? file.length : end;
}

interface RawRow {
  end: number;
  lines: number;
  /** null: a blank line. Throws a Refusal. */
  event: (() => Event) | null;
}

function readRow(spec: CompiledSpec, format: Format, columns: readonly string[], file: Uint8Array, at: number): RawRow {
  if (format === "csv") return readCsv(spec, columns, file, at);
  const end = lineEnd(file, at);
  const text = file.subarray(at, end > at && file[end - 1] === 13 ? end - 1 : end);
  if (text.length === 0) return { end, lines: 1, event: null };
  const commented = (format === "libsvm" || format === "libffm") && /^[ \t]*(#|$)/.test(latin1(text));
  if (commented && end - at <= MAX_ROW) return { end, lines: 1, event: null };
  const event = () => {
    if (end - at > MAX_ROW) throw new Refusal("row_too_long");
    if (format === "tsv") return separated(spec, columns, splitBytes(text, Buffer.from(spec.events.separator)));
    const paths = pathsOf(spec);
    if (format === "libsvm" || format === "libffm") return sparseEvent(text, format === "libffm", paths);
    const read = format === "json" ? eventOf(parseJson(latin1(text)), paths) : vwEvent(text, new Set(paths));
    checkTexts(read, format === "json" ? pathsInPreorder(paths) : ["label", "importance", "tag", ...paths]);
    return read;
  };
  return { end, lines: 1, event };
}

/** Values that are read must be UTF-8; others may be any bytes. */
function checkTexts(event: Event, paths: readonly string[], name?: string): void {
  for (const path of paths) {
    const value = event.get(path) ?? event.get(`|${path}`) ?? missing;
    const isText = !["misplaced", "surrogate"].includes(value.kind);
    if (isText && !isUtf8(value.text)) throw new Refusal("bad_utf8", name ?? path);
  }
}

/** Paths, ordered by the objects that contain them. */
function pathsInPreorder(paths: readonly string[], prefix = ""): string[] {
  const names = new Set(paths.map((path) => path.split(".", 1)[0]));
  return [...names].flatMap((name) => {
    const below = paths.filter((path) => path.startsWith(`${name}.`)).map((path) => path.slice(name.length + 1));
    return [prefix + name, ...pathsInPreorder(below, `${prefix}${name}.`)];
  });
}

function separated(spec: CompiledSpec, columns: readonly string[], values: Uint8Array[]): Event {
  if (values.length !== columns.length) throw new Refusal("column_count");
  const event: Event = new Map(columns.map((name, i) => [name, { kind: "text", text: values[i] }]));
  checkTexts(event, pathsOf(spec));
  return event;
}

function splitBytes(bytes: Uint8Array, separator: Buffer): Uint8Array[] {
  const parts: Uint8Array[] = [];
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  for (let found = buffer.indexOf(separator); found >= 0; found = buffer.indexOf(separator, at)) {
    parts.push(buffer.subarray(at, found));
    at = found + separator.length;
  }
  return [...parts, buffer.subarray(at)];
}

// ---- csv ----

/** RFC 4180 by a state machine over bytes. */
function readCsv(spec: CompiledSpec, columns: readonly string[], file: Uint8Array, at: number): RawRow {
  const line = lineEnd(file, at);
  const blank = line === at || (line === at + 1 && file[at] === 13);
  if (blank && columns.length >= 1) return { end: line, lines: 1, event: null };
  const refused = (code: string): RawRow => ({
    end: line,
    lines: 1,
    event: () => {
      throw new Refusal(line - at > MAX_ROW ? "row_too_long" : code);
    },
  });
  const row = csvValues(spec.events.separator.charCodeAt(0), file, at);
  if (row === "bad") return refused("bad_quote");
  if (row === null || row.end - at > MAX_ROW) return refused(file.length - at > MAX_ROW ? "row_too_long" : "bad_quote");
  return {
    end: row.end,
    lines: file.subarray(at, row.end).filter((byte) => byte === 10).length + 1,
    event: () => separated(spec, columns, row.values),
  };
}

/** @returns null for an unclosed quote, "bad" for one at an invalid position */
function csvValues(
  separator: number,
  file: Uint8Array,
  start: number,
): { end: number; values: Uint8Array[] } | "bad" | null {
  const values: Uint8Array[] = [];
  let at = start;
  while (true) {
    if (file[at] === 34) {
      const value: Uint8Array[] = [];
      at++;
      for (let closed = false; !closed; ) {
        const quote = file.indexOf(34, at);
        if (quote < 0) return null;
        closed = file[quote + 1] !== 34;
        value.push(file.subarray(at, closed ? quote : quote + 1));
        at = closed ? quote : quote + 2;
      }
      at++;
      if (file[at] === 13 && (at + 1 === file.length || file[at + 1] === 10)) at++;
      if (at < file.length && file[at] !== separator && file[at] !== 10) return "bad";
      values.push(Buffer.concat(value));
    } else {
      const from = at;
      for (; at < file.length && file[at] !== separator && file[at] !== 10; at++) if (file[at] === 34) return "bad";
      const cut = file[at] !== separator && at > from && file[at - 1] === 13;
      values.push(file.subarray(from, cut ? at - 1 : at));
    }
    if (file[at] !== separator || at >= file.length) return { end: at, values };
    at++;
  }
}

// ---- json ----

interface JsonObject {
  members: [string, JsonValue][];
  /** The names and values of an object of weights. */
  weights: [Value, Value][];
}
type JsonValue = { value: Value; inner?: JsonObject };

/** Paths that a spec reads. */
function pathsOf(spec: CompiledSpec): string[] {
  const { from, weight, time, id, oracle } = spec.label;
  const fields = spec.fields.flatMap((field) => ("from" in field ? [field.from] : []));
  return [from, weight, time?.from, id, oracle, ...fields].filter((name) => name != null);
}

/** Values of the paths, as in JSON.parse: of duplicate names the last one counts. */
function eventOf(root: JsonObject, paths: readonly string[]): Event {
  const event: Event = new Map();
  const below = (path: string) => paths.filter((other) => other.startsWith(`${path}.`));
  const read = (object: JsonObject, prefix: string, seen: Set<string>): void => {
    for (const [name, { value, inner }] of object.members) {
      const path = prefix + name;
      const inside = below(path);
      if (inside.length > 0) {
        if (!inner || seen.has(path)) {
          for (const other of [path, ...inside]) {
            if (paths.includes(other))
              event.set(
                other,
                inner || value.kind === "missing" ? missing : { kind: "misplaced", text: utf8.encode("x") },
              );
          }
        }
        seen.add(path);
        if (inner) read(inner, `${path}.`, seen);
      }
      if (paths.includes(path)) event.set(path, value);
    }
  };
  read(root, "", new Set());
  return event;
}

/** A strict JSON parser that keeps the text of numbers. @param text one char a byte @throws Refusal bad_json */
export function parseJson(text: string): JsonObject {
  let at = 0;
  const refuse = (): never => {
    throw new Refusal("bad_json");
  };
  const space = () => {
    while (" \t\r\n".includes(text[at] ?? "x")) at++;
  };
  const expect = (token: string) => {
    if (!text.startsWith(token, at)) refuse();
    at += token.length;
  };
  const string = (): Value => {
    const found = /^"(?:[^"\\]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/.exec(text.slice(at));
    if (!found || [...found[0]].some((c) => c < " ")) return refuse();
    at += found[0].length;
    const raw = Buffer.from(found[0].slice(1, -1), "latin1");
    // As Latin-1: only escapes make surrogates.
    if (/\p{Surrogate}/u.test(JSON.parse(found[0]) as string)) return { kind: "surrogate", text: utf8.encode("x") };
    if (!isUtf8(raw)) return { kind: "string", text: raw };
    return { kind: "string", text: utf8.encode(JSON.parse(Buffer.from(found[0], "latin1").toString()) as string) };
  };
  const list = (close: string, item: () => void) => {
    at++;
    space();
    if (text[at] === close) {
      at++;
      return;
    }
    while (true) {
      item();
      space();
      if (text[at] === close) break;
      expect(",");
      space();
    }
    at++;
  };
  const object = (depth: number): JsonObject => {
    const members: [string, JsonValue][] = [];
    const weights: [Value, Value][] = [];
    if (depth > 512) refuse();
    list("}", () => {
      if (text[at] !== '"') refuse();
      const name = string();
      space();
      expect(":");
      space();
      const held = value(depth);
      members.push([Buffer.from(name.kind === "string" ? name.text : utf8.encode("\u0000lone")).toString(), held]);
      weights.push([name, held.value]);
    });
    return { members, weights };
  };
  const value = (depth: number): JsonValue => {
    const start = at;
    const c = text[at];
    const raw = (kind: Kind): Value => ({ kind, text: Buffer.from(text.slice(start, at), "latin1") });
    if (c === '"') return { value: string() };
    if (c === "{") {
      const inner = object(depth + 1);
      return { value: { ...raw("object"), members: inner.weights }, inner };
    }
    if (c === "[") {
      if (depth + 1 > 512) refuse();
      const items: Value[] = [];
      list("]", () => items.push(value(depth + 1).value));
      return { value: { ...raw("array"), items } };
    }
    const token = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)/.exec(
      text.slice(at, at + 70000),
    )?.[0];
    if (!token) return refuse();
    at += token.length;
    if (token === "null") return { value: missing };
    return { value: raw(token === "true" || token === "false" ? "boolean" : "number") };
  };
  space();
  if (text[at] !== "{") refuse();
  const root = object(1);
  space();
  if (at !== text.length) refuse();
  return root;
}

// ---- vw ----

/** @param known the namespaces that the spec reads: a duplicate is an error only for these */
function vwEvent(bytes: Uint8Array, known: ReadonlySet<string>): Event {
  const text = latin1(bytes);
  const [head, ...namespaces] = text.split("|");
  if (namespaces.length === 0) throw new Refusal("bad_vw");
  const event: Event = new Map();
  const plain = (part: string): Value => ({ kind: "text", text: Buffer.from(part, "latin1") });
  const words = head.split(/[ \t]+/).filter((word) => word !== "");
  const touches = /[^ \t]$/.test(head);
  const quoted = words.findIndex((word) => word.startsWith("'"));
  if (quoted >= 0 ? quoted !== words.length - 1 : false) throw new Refusal("bad_vw");
  const tag = touches || quoted >= 0 ? words.pop() : undefined;
  if (words.length > 3) throw new Refusal("bad_vw");
  if (tag !== undefined) event.set("tag", plain(tag.replace(/^'/, "")));
  if (words[0] !== undefined) event.set("label", plain(words[0]));
  if (words[1] !== undefined) event.set("importance", plain(words[1]));
  for (const namespace of namespaces) {
    const [, name, scaled, rest] = /^([^ \t:]*)(?::([^ \t]*))?[ \t]*(.*)$/s.exec(namespace)!;
    const key = Buffer.from(name, "latin1").toString();
    if (!known.has(key) || ["label", "importance", "tag"].includes(key)) continue;
    if (event.has(`|${key}`)) throw new Refusal("bad_vw");
    const features = rest.split(/[ \t]+/).filter((word) => word !== "");
    const scale = scaled === undefined ? 1 : scaleOf(scaled);
    event.set(`|${key}`, { kind: "features", text: Buffer.from(rest, "latin1"), items: features.map(plain), scale });
  }
  return event;
}

function scaleOf(text: string): number {
  try {
    return number(text);
  } catch {
    throw new Refusal("bad_vw");
  }
}

/** `text:value` or `text`. */
function featureOf(item: Value): { text: Uint8Array; value: string | null } {
  const text = latin1(item.text);
  const colon = text.indexOf(":");
  return colon < 0
    ? { text: item.text, value: null }
    : { text: item.text.subarray(0, colon), value: text.slice(colon + 1) };
}

function vwValue(event: Event, from: string, role: "text" | "number" | "items"): Value {
  if (event.get(from) || ["label", "importance", "tag"].includes(from)) return event.get(from) ?? missing;
  const namespace = event.get(`|${from}`);
  if (!namespace || namespace.items!.length === 0) return missing;
  if (role === "items") return namespace;
  const { text, value } = featureOf(namespace.items![0]);
  const { scale } = namespace;
  return { kind: "text", text: role === "text" || value === null ? text : Buffer.from(value, "latin1"), scale };
}

// ---- libsvm, libffm ----

/** Values by `role|source`. */
function sparseEvent(bytes: Uint8Array, fields: boolean, paths: readonly string[]): Event {
  const text = latin1(bytes).replace(/#.*$/s, "");
  const words = [...text.matchAll(/[^ \t]+/g)].map(({ 0: word, index }) => ({ word, index, end: index + word.length }));
  const event: Event = new Map();
  const plain = (part: string): Value => ({ kind: "text", text: Buffer.from(part, "latin1") });
  const scalar = (name: string, value: Value) => {
    for (const role of ["text", "number", "items"]) event.set(`${role}|${name}`, value);
  };
  if (!words[0].word.includes(":")) scalar("label", plain(words.shift()!.word));
  if (!fields && words[0]?.word.startsWith("qid:")) scalar("qid", plain(words.shift()!.word.slice(4)));
  const span = (from: number, to: number, items: Value[]): Value => {
    return { ...plain(text.slice(from, to)), kind: "features", items, scale: 1 };
  };
  if (words.some(({ word }) => !(fields ? /^[^:]+:[^:]+:/ : /^[^:]+:/).test(word))) throw new Refusal("bad_features");
  const parts = words.map(({ word, ...place }) => ({ ...place, parts: /^([^:]+):(.*)$/s.exec(word)!.slice(1) }));
  if (fields) {
    for (const name of new Set(parts.map(({ parts: [field] }) => field))) {
      const own = parts.filter(({ parts: [field] }) => field === name);
      const key = Buffer.from(name, "latin1").toString();
      if (key === "label") continue;
      const [index, value] = /^([^:]*):(.*)$/s.exec(own[0].parts[1])!.slice(1);
      event.set(`text|${key}`, plain(index));
      event.set(`number|${key}`, plain(value));
      const items = own.map(({ parts: [, rest] }) => plain(rest));
      event.set(`items|${key}`, span(own[0].index, own.at(-1)!.end, items));
    }
  } else {
    for (const {
      parts: [index, value],
    } of [...parts].reverse()) {
      const key = Buffer.from(index, "latin1").toString();
      if (!["features", "label", "qid"].includes(key) && value !== "") scalar(key, plain(value));
    }
    const items = words.map(({ word }) => plain(word));
    if (items.length > 0) event.set("items|features", span(words[0].index, words.at(-1)!.end, items));
  }
  for (const path of [...(fields ? ["label"] : ["label", "qid"]), ...paths])
    for (const role of ["text", "number", "items"]) checkTexts(event, [`${role}|${path}`], path);
  return event;
}

// ---- fields ----

/** @throws a code */
function number(text: string): number {
  if (/^[+-]?(nan|inf|infinity)$/i.test(text)) throw "number_out_of_range";
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) throw "bad_number";
  const x = Number(text);
  if (!(Math.abs(x) <= 1e18)) throw "number_out_of_range";
  return x;
}

function numberOf(value: Value): number {
  if (!["text", "number"].includes(value.kind)) throw "bad_type";
  if (value.text.length > MAX_VALUE) throw "value_too_long";
  return scaled(number(latin1(value.text)), value);
}

function scaled(x: number, { scale = 1 }: Value): number {
  if (Math.abs(x * scale) > 1e18) throw "number_out_of_range";
  return x * scale;
}

function textOf(value: Value): Uint8Array {
  if (value.kind === "surrogate") throw "bad_utf8";
  if (["array", "object", "misplaced", "features"].includes(value.kind)) throw "bad_type";
  if (value.text.length > MAX_VALUE) throw "value_too_long";
  return value.text;
}

interface Reading {
  read: (from: string, role: "text" | "number" | "items") => Value;
  trying: <T>(column: string, run: () => T, code?: string) => T;
  required: boolean;
}

/** Label, weight, time, id, true probability. */
function readHead(
  head: Pick<Row, "label" | "weight" | "time" | "id" | "oracle">,
  spec: CompiledSpec,
  format: Format,
  { read, trying, required }: Reading,
): void {
  const { label } = spec;
  const labelValue = read(label.from, "text");
  if (labelValue.text.length > 0) {
    head.label = trying(
      label.from,
      () => {
        if ("at_least" in label.positive) return numberOf(labelValue) >= label.positive.at_least ? 1 : 0;
        const text = Buffer.from(textOf(labelValue)).toString();
        if ("any_of" in label.positive) return listed(label.positive.any_of, text) ? 1 : 0;
        const positive = Number(label.positive.equals);
        if (text === label.positive.equals) return 1;
        if (Number.isNaN(positive)) return 0;
        const word = { true: 1, false: 0 }[text.toLowerCase()];
        const x = word ?? number(latin1(labelValue.text));
        if (x !== positive && x !== 0 && Math.abs(x) !== 1) throw new Refusal("unknown_label", label.from);
        return x === positive ? 1 : 0;
      },
      "bad_label",
    );
  } else if (required) throw new Refusal("bad_label", label.from);

  const weightFrom = label.weight ?? (format === "vw" ? "importance" : null);
  const weightValue = weightFrom ? read(weightFrom, "number") : missing;
  if (weightValue.text.length > 0) {
    head.weight = trying(weightFrom!, () => Math.fround(numberOf(weightValue)), "bad_weight");
    if (!(head.weight > 0 && head.weight <= 1e6)) throw new Refusal("bad_weight", weightFrom!);
  }
  if (label.time) {
    const value = read(label.time.from, "number");
    const time = label.time;
    if (value.text.length > 0) {
      head.time = trying(time.from, () => calendarOf(value, time.zone) ?? timeOf(value, time.unit), "bad_time");
      if (head.time <= 0 || head.time >= Date.UTC(2100, 0)) throw new Refusal("impossible_time", label.time.from);
    } else if (required) throw new Refusal("missing_time", label.time.from);
  }
  if (label.id) {
    const text = trying(label.id, () => textOf(read(label.id!, "text")));
    if (text.length > 0) head.id = hash(text, 0n);
    else if (required) throw new Refusal("missing_id", label.id);
  }
  if (label.oracle) {
    const value = read(label.oracle, "number");
    if (value.text.length > 0) {
      const p = trying(label.oracle, () => numberOf(value));
      if (!(p >= 0 && p <= 1)) throw new Refusal("number_out_of_range", label.oracle);
      head.oracle = Math.fround(p);
    }
  }
}

/** Whether a label is one of the positives, as a text or as a number. */
function listed(positives: readonly string[], text: string): boolean {
  const numberIn = (word: string): number | null => {
    try {
      return { true: 1, false: 0 }[word.toLowerCase()] ?? number(word);
    } catch {
      return null;
    }
  };
  const x = numberIn(text);
  return positives.some((word) => word === text || (x !== null && /\d/.test(word) && numberIn(word) === x));
}

/** Milliseconds of a number of units, whole ones exactly. */
function timeOf(value: Value, unit: "s" | "ms" | "us" | "ns"): number {
  if (unit === "s") return numberOf(value) * 1000;
  if (unit === "ms") return numberOf(value);
  const divisor = unit === "us" ? 1000 : 1e6;
  const text = latin1(value.text);
  if (!["text", "number"].includes(value.kind)) throw "bad_type";
  if (!/^\d{1,19}$/.test(text))
    return (Number(text) && /^[\d.+eE-]+$/.test(text) ? Number(text) : numberOf(value)) / divisor;
  const units = BigInt(divisor);
  return Number(BigInt(text) / units) + Number(BigInt(text) % units) / divisor;
}

const CALENDAR =
  /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?: ?(?:[Zz]|UTC|([+-])(\d\d)(?::?(\d\d))?))?)?$/;

/** Milliseconds of a calendar time; undefined if the text is not one. */
function calendarOf({ kind, text }: Value, zone = 0): number | undefined {
  const found = CALENDAR.exec(latin1(text));
  if (!found || !["text", "string"].includes(kind)) return undefined;
  const [year, month, day, hours, minutes, seconds] = found.slice(1, 7).map((digits) => Number(digits ?? 0));
  const [east, offsetMinutes] = [found[8] !== "-", 60 * Number(found[9] ?? 0) + Number(found[10] ?? 0)];
  const hasZone = /[Zz]|UTC|[+-]\d\d(?::?\d\d)?$/.test(latin1(text).slice(11));
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day || day === 0) return undefined;
  if (hours > 23 || minutes > 59 || seconds > 60 || Number(found[9] ?? 0) > 23 || Number(found[10] ?? 0) > 59)
    return undefined;
  const digits = (found[7] ?? "0").slice(0, 9);
  const part = (Number(digits) * 1000) / 10 ** digits.length;
  const local = date.getTime() + (hours * 60 + minutes) * 60_000 + (seconds * 1000 + part);
  return local - (hasZone ? (east ? offsetMinutes : -offsetMinutes) : zone) * 60_000;
}

/** A value after applying the spec's `null_values` and `numbers_as_strings`. */
function declared(spec: CompiledSpec, from: string, value: Value): Value {
  const scalar = ["text", "number", "boolean", "string"].includes(value.kind);
  const nulls = nullsOf(spec, from);
  if (scalar && nulls.size > 0 && nulls.has(latin1(value.text))) return missing;
  return spec.events.numbers_as_strings ? plainStrings(value) : value;
}

/** Cached by spec and column, since it is needed for every value. */
const nullsBySpec = new WeakMap<CompiledSpec, Map<string, Set<string>>>();

function nullsOf(spec: CompiledSpec, from: string): Set<string> {
  const columns = nullsBySpec.get(spec) ?? new Map<string, Set<string>>();
  nullsBySpec.set(spec, columns);
  const known = columns.get(from) ?? new Set(nullTexts(spec, from).map(bytesOf));
  columns.set(from, known);
  return known;
}

function nullTexts({ events, fields }: CompiledSpec, from: string): string[] {
  const own = fields.flatMap((field) => ("from" in field && field.from === from ? (field.null_values ?? []) : []));
  return [...(events.null_values ?? []), ...own];
}

function plainStrings(value: Value): Value {
  const items = value.items?.map(plainStrings);
  return { ...value, ...(items && { items }), ...(value.kind === "string" && { kind: "text" }) };
}

function accept(spec: CompiledSpec, format: Format, event: Event, required: boolean): Row {
  const read = (from: string, role: "text" | "number" | "items"): Value =>
    format === "libsvm" || format === "libffm"
      ? (event.get(`${role}|${from}`) ?? missing)
      : format === "vw"
        ? vwValue(event, from, role)
        : declared(spec, from, event.get(from) ?? missing);
  const trying = <T>(column: string, run: () => T, code?: string): T => {
    try {
      return run();
    } catch (error) {
      throw typeof error === "string" ? new Refusal(code ?? error, column) : error;
    }
  };
  const { fields } = spec;
  const row: Row = {
    label: Number.NaN,
    weight: 1,
    time: 0,
    id: 0n,
    oracle: Number.NaN,
    numbers: [],
    vectors: [],
    keys: [],
    bags: [],
  };

  const head = { label: Number.NaN, weight: 1, time: 0, id: 0n, oracle: Number.NaN };
  try {
    readHead(head, spec, format, { read, trying, required });
    Object.assign(row, head);
  } catch (error) {
    if (required) throw error;
  }
  const texts = new Map<string, Uint8Array>();
  const of = <T extends CompiledField["type"]>(type: T) =>
    fields.filter((field): field is Extract<CompiledField, { type: T }> => field.type === type);
  for (const field of of("categorical"))
    texts.set(
      field.name,
      trying(field.from, () => textOf(read(field.from, "text"))),
    );
  const numbers = new Map<string, number>();
  for (const field of of("numeric")) {
    const value = read(field.from, "number");
    const x = value.text.length > 0 ? trying(field.from, () => numberOf(value)) : Number.NaN;
    numbers.set(field.name, Math.fround(field.transform === "log1p" ? Math.sign(x) * Math.log1p(Math.abs(x)) : x));
  }
  row.numbers = spec.numbers.map((name) => numbers.get(name)!);
  for (const field of of("buckets")) {
    const value = read(field.from, "number");
    const bucket = () => {
      const x = numberOf(value);
      return String(field.boundaries.filter((boundary) => boundary <= x).length);
    };
    texts.set(field.name, utf8.encode(value.text.length > 0 ? trying(field.from, bucket) : ""));
  }
  const bags = new Map(
    of("bag").map((field) => [field.name, trying(field.from, () => bagItems(field, read(field.from, "items")))]),
  );
  row.vectors = of("vector").flatMap((field) => trying(field.from, () => vectorOf(field, read(field.from, "items"))));

  const key = (name: string, seed: bigint): bigint => {
    const cross = of("cross").find((field) => field.name === name);
    if (!cross) return hash(texts.get(name)!, seed);
    const parts = BigUint64Array.from(
      cross.of.map((part) => hash(texts.get(part)!, hashText(part, BigInt(spec.seed)))),
    );
    return hash(new Uint8Array(parts.buffer), seed);
  };
  for (const table of spec.tables) {
    row.keys.push(
      table.cells.filter((cell) => cell.kind === "single").map((cell) => key(cell.field, seedOf(cell.seed))),
    );
    for (const cell of table.cells.filter(({ kind }) => kind === "bag")) {
      const items = bags.get(cell.field)!;
      row.bags.push({
        keys: items.map(({ text }) => hash(text, seedOf(cell.seed))),
        weights: items.map(({ weight }) => Math.fround(weight)),
      });
    }
  }
  return row;
}

function itemsOf(value: Value, separator: string): Value[] {
  if (value.items && value.kind !== "object") return value.items;
  if (!["missing", "text", "number", "boolean", "string"].includes(value.kind))
    throw value.kind === "surrogate" ? "bad_utf8" : "bad_type";
  return splitBytes(value.text, Buffer.from(separator)).map((text) => ({ kind: "text", text }));
}

function bagItems(
  field: Extract<CompiledField, { type: "bag" }>,
  value: Value,
): { text: Uint8Array; weight: number }[] {
  const items: { text: Uint8Array; weight: number }[] = [];
  if (value.text.length === 0) return items;
  if (value.kind === "array" || value.kind === "object") return jsonItems(field.max_length, value);
  for (const item of itemsOf(value, field.separator)) {
    if (items.length === field.max_length) break;
    const feature = value.kind === "features" ? featureOf(item) : { text: textOf(item), value: null };
    const written = feature.value === null ? 1 : numberOf({ kind: "text", text: Buffer.from(feature.value, "latin1") });
    const weight = scaled(written, value);
    if (feature.text.length > MAX_VALUE) throw "value_too_long";
    if (feature.text.length > 0) items.push({ text: feature.text, weight });
  }
  return items;
}

/** Items of a JSON array, some with weights (`["a", 3]`), or of an object of weights. */
function jsonItems(most: number, { items, members = [] }: Value): { text: Uint8Array; weight: number }[] {
  const read: { text: Uint8Array; weight: number }[] = [];
  for (const item of items ??
    members.map((pair) => ({ kind: "array", text: utf8.encode("x"), items: pair }) as Value)) {
    if (read.length === most) break;
    if (item.items && (item.items.length !== 2 || item.items[0].items || item.items[0].members)) throw "bad_type";
    const [name, weight]: (Value | undefined)[] = item.items ?? [item];
    if (weight && weight.kind !== "number") throw "bad_type";
    const one = { weight: weight ? numberOf(weight) : 1, text: textOf(name!) };
    if (one.text.length > 0) read.push(one);
  }
  return read;
}

function vectorOf(field: Extract<CompiledField, { type: "vector" }>, value: Value): number[] {
  if (value.text.length === 0) return new Array<number>(field.take).fill(0);
  if (!["text", "array", "features"].includes(value.kind)) throw "bad_type";
  const numbers: number[] = [];
  for (const item of itemsOf(value, field.separator)) {
    const feature = value.kind === "features" ? featureOf(item).value : null;
    const text = feature === null ? item.text : Buffer.from(feature, "latin1");
    if (feature !== null) scaled(number(feature), value);
    if (item.kind === "surrogate") throw "bad_utf8";
    if (item.kind === "array" || item.kind === "object") throw "bad_type";
    if (text.length > MAX_VALUE) throw "value_too_long";
    if (numbers.length === field.length || text.length === 0) throw "bad_vector";
    numbers.push(scaled(numberOf({ kind: item.kind, text }), value));
  }
  if (numbers.length !== field.length) throw "bad_vector";
  return numbers.slice(0, field.take).map(Math.fround);
}
