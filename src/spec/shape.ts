import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type YAMLMap,
} from "yaml";
import { inside, nearest, type Place, type Problems, suggestion } from "../schema/problems.js";

/** The part of JSON Schema that `specSchema` uses. */
export interface Shape {
  readonly type?: "object" | "array" | "string" | "number" | "integer" | "boolean";
  readonly description?: string;
  readonly anyOf?: readonly Shape[];
  readonly enum?: readonly string[];
  readonly const?: string;
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly patternProperties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  readonly items?: Shape;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly minLength?: number;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  /**
   * Not part of JSON Schema: unknown keys are allowed (if a field's type is wrong, its other keys cannot be judged).
   */
  readonly open?: boolean;
}

/** Syntax errors that are reported: later ones follow from the first, thousands of them if the file is not YAML. */
const MOST_ERRORS = 3;
const MOST_MESSAGE = 200;

/** Whole numbers may be grouped by underscores, as in `1_000_000`. */
const groupedInteger = {
  tag: "tag:yaml.org,2002:int",
  default: true,
  test: /^[-+]?\d+(_\d+)+$/,
  resolve: (text: string) => Number(text.replaceAll("_", "")),
  stringify: ({ value }: { value?: unknown }) => String(value),
};

/** YAML as specs are written in it. */
export function specYaml(text: string, lines?: LineCounter): Document {
  return parseDocument(text, {
    ...(lines && { lineCounter: lines }),
    customTags: (tags) => [groupedInteger, ...tags],
  });
}

/**
 * Reads YAML and checks it against `shape`. Problems go to `problems`; so do the places of all values.
 * @returns the value, or undefined when something in it could not be understood at all. A misspelt key or word whose
 *   meaning is plain is a problem, but is read as what was meant, so that the rest can be checked too.
 */
export function readShape(text: string, shape: Shape, problems: Problems): unknown {
  const lines = new LineCounter();
  const document = specYaml(text, lines);
  const place = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  // Warnings are of tags nobody knows: `!env X` would be read as the text X.
  for (const error of [...document.errors, ...document.warnings].slice(0, MOST_ERRORS)) {
    problems.add(
      "",
      shortened((error.message.split("\n")[0] ?? "").replace(/ at line \d+.*$|; please use .*$/, ""), MOST_MESSAGE),
      yamlHint(error.code),
      place(error.pos[0]),
    );
  }
  return problems.count > 0 ? undefined : readDocument(document, shape, problems, place);
}

/** As `readShape`, of a document without errors. @param place of an offset in its text */
export function readDocument(
  document: Document,
  shape: Shape,
  problems: Problems,
  place: (offset: number) => Place,
): unknown {
  const reader = new Reader(document, place, problems);
  const value = reader.read(document.contents, shape, "");
  return reader.understood ? value : undefined;
}

const yamlHints: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: "remove one of the two: every key may occur once",
  MULTIPLE_DOCS: "a file describes one model: write the other ones into files of their own",
  TAG_RESOLVE_FAILED: "write the value itself: specs have no tags of their own",
};
const yamlHint = (code: string): string => yamlHints[code] ?? "write the file as one valid YAML 1.2 document";

class Reader {
  understood = true;
  private readonly document: Document;
  private readonly place: (offset: number) => Place;
  private readonly problems: Problems;

  constructor(document: Document, place: (offset: number) => Place, problems: Problems) {
    this.document = document;
    this.place = place;
    this.problems = problems;
  }

  read(written: unknown, shape: Shape, path: string): unknown {
    const node = (isAlias(written) ? written.resolve(this.document) : written) as Node | null | undefined;
    if ((written as Node | null)?.range) this.problems.locate(path, this.place((written as Node).range![0]));
    if (shape.anyOf) {
      const digits = shape.anyOf.some(({ type }) => type === "string") ? lostDigits(node) : undefined;
      if (digits) this.problems.add(path, `${digits} has more digits than a number keeps`, "write it in quotes");
      return this.read(node, this.choose(node, shape.anyOf), path);
    }
    if (shape.type === "object") return this.readMap(node, shape, path);
    if (shape.type === "array") return this.readList(node, shape, path);
    return this.readScalar(node, shape, path);
  }

  /** The alternative that was probably meant: by kind of node, then by the value of `type`. */
  private choose(node: unknown, alternatives: readonly Shape[]): Shape {
    const kind = isMap(node) ? "object" : isSeq(node) ? "array" : "scalar";
    const fitting = alternatives.filter(
      ({ type }) => (type === "object" || type === "array" ? type : "scalar") === kind,
    );
    if (fitting.length <= 1) return fitting[0] ?? alternatives[0];
    if (!isMap(node)) return fitting.find((shape) => isOfType(node, shape)) ?? fitting[0];
    const types = fitting.map((shape) => shape.properties!.type.const!);
    const keys = node.items.map(({ key }) => (isScalar(key) ? String(key.value) : ""));
    const type = node.get(keys.includes("type") ? "type" : (keys.find((key) => nearest(key, ["type"])) ?? "type"));
    const meant = typeof type === "string" ? (types.includes(type) ? type : nearest(type, types)) : undefined;
    const word: Shape = { enum: types, description: "the field's type" };
    if (meant === undefined) return { type: "object", required: ["type"], properties: { type: word }, open: true };
    const chosen = fitting[types.indexOf(meant)];
    return { ...chosen, properties: { ...chosen.properties, type: word } };
  }

  private readMap(node: unknown, shape: Shape, path: string): unknown {
    if (!isMap(node)) return this.wrongType(node, "a map of keys", shape, path);
    if (shape.open) this.understood = false;
    const properties = shape.properties ?? {};
    const members = new Map<string, unknown>();
    for (const pair of node.items as Pair<Node, Node | null>[]) {
      const key = isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
      const at = inside(path, key);
      const keyPlace = this.place(pair.key.range?.[0] ?? 0);
      this.problems.locate(at, keyPlace);
      const [known, inner] = this.property(key, shape, node);
      if (known !== key && !shape.open) this.problems.add(at, "unknown key", this.keyHint(key, shape), keyPlace);
      if (inner) members.set(known, this.read(pair.value, inner, at));
    }
    for (const name of shape.required ?? []) {
      if (members.has(name)) continue;
      this.understood = false;
      this.problems.add(path, `"${name}" is missing`, `add ${name}: ${properties[name].description}`);
    }
    return Object.fromEntries(members);
  }

  /**
   * The property of a key, and its shape; a misspelt key is replaced by its nearest neighbour, unless that is present,
   * too.
   */
  private property(key: string, shape: Shape, node: YAMLMap): [string, Shape | undefined] {
    const properties = shape.properties ?? {};
    if (Object.hasOwn(properties, key)) return [key, properties[key]];
    for (const [pattern, inner] of Object.entries(shape.patternProperties ?? {})) {
      if (new RegExp(pattern).test(key)) return [key, inner];
    }
    const meant = nearest(key, Object.keys(properties));
    return meant === undefined || node.has(meant) ? ["", undefined] : [meant, properties[meant]];
  }

  private keyHint(key: string, shape: Shape): string {
    if (key === "<<")
      return "YAML 1.2 has no merge keys: repeat the keys, or use an alias for the whole map (t: *name)";
    if (shape.patternProperties) return "use a letter, then letters, digits, _ and - (at most 64 characters)";
    return suggestion(key, Object.keys(shape.properties ?? {}));
  }

  private readList(node: unknown, shape: Shape, path: string): unknown {
    if (!isSeq(node)) return this.wrongType(node, "a list", shape, path);
    const { minItems = 0, maxItems = 100_000, items = {} } = shape;
    if (node.items.length < minItems || node.items.length > maxItems) {
      this.understood = false;
      this.problems.add(path, `needs ${minItems} to ${maxItems} items, has ${node.items.length}`, hint(shape));
    }
    const values = node.items.map((item, i) => this.read(item, items, `${path}[${i}]`));
    for (const [i, value] of shape.uniqueItems ? values.entries() : [])
      if (values.indexOf(value) !== i)
        this.problems.add(`${path}[${i}]`, `${JSON.stringify(value)} is listed twice`, "list each value once");
    return values;
  }

  private readScalar(node: unknown, shape: Shape, path: string): unknown {
    const value = isScalar(node) ? node.value : undefined;
    if (shape.enum) return this.readWord(node, value, shape, path);
    const type = shape.type ?? "string";
    if (type === "integer" ? !Number.isInteger(value) : typeof value !== type)
      return this.wrongType(node, expected[type], shape, path);
    const message = typeof value === "number" ? numberProblem(value, shape) : textProblem(String(value), shape);
    if (message) this.problems.add(path, message, hint(shape));
    return value;
  }

  private readWord(node: unknown, value: unknown, shape: Shape, path: string): unknown {
    const words = shape.enum!;
    if (typeof value !== "string") return this.wrongType(node, `one of ${words.join(", ")}`, shape, path);
    if (words.includes(value)) return value;
    this.problems.add(path, `"${value}" is not one of ${words.join(", ")}`, suggestion(value, words));
    const meant = nearest(value, words);
    if (meant === undefined) this.understood = false;
    return meant;
  }

  private wrongType(node: unknown, wanted: string, shape: Shape, path: string): undefined {
    this.understood = false;
    this.problems.add(path, `expected ${wanted}, got ${described(node)}`, hint(shape));
    return undefined;
  }
}

/** A whole number as written, if it was read as another: 9007199254740993 as 9007199254740992. */
function lostDigits(node: unknown): string | undefined {
  if (!isScalar(node) || typeof node.value !== "number" || !Number.isFinite(node.value)) return undefined;
  const digits = node.source?.replace(/^\+|_/g, "") ?? "";
  return /^-?\d{16,}$/.test(digits) && BigInt(digits) !== BigInt(node.value) ? node.source : undefined;
}

function isOfType(node: unknown, { type, enum: words }: Shape): boolean {
  const value = isScalar(node) ? typeof node.value : undefined;
  return value === (words || type === undefined ? "string" : type === "integer" ? "number" : type);
}

const expected = {
  string: "a text",
  number: "a number",
  integer: "a whole number",
  boolean: "true or false",
  object: "a map of keys",
  array: "a list",
};

const hint = (shape: Shape): string => shape.description ?? "see features/README.md";

const MOST_SHOWN = 60;

function described(node: unknown): string {
  if (isMap(node)) return "a map";
  if (isSeq(node)) return "a list";
  const value = isScalar(node) ? node.value : null;
  if (value === null || value === undefined) return "nothing";
  return typeof value === "string" ? `the text ${JSON.stringify(shortened(value))}` : `the ${typeof value} ${value}`;
}

function numberProblem(
  value: number,
  { minimum, maximum, exclusiveMinimum, exclusiveMaximum }: Shape,
): string | undefined {
  if (!Number.isFinite(value)) return `must be finite, got ${value}`;
  if (minimum !== undefined && value < minimum) return `must be at least ${minimum}, got ${value}`;
  if (maximum !== undefined && value > maximum) return `must be at most ${maximum}, got ${value}`;
  if (exclusiveMinimum !== undefined && value <= exclusiveMinimum)
    return `must be above ${exclusiveMinimum}, got ${value}`;
  if (exclusiveMaximum !== undefined && value >= exclusiveMaximum)
    return `must be below ${exclusiveMaximum}, got ${value}`;
  return undefined;
}

function textProblem(value: string, { minLength = 0, pattern }: Shape): string | undefined {
  if (value.length < minLength) return "must not be empty";
  if (pattern !== undefined && !new RegExp(pattern).test(value)) {
    return `${JSON.stringify(value)} is not a valid name: use a letter or _, then letters, digits, _ . - (at most 64 characters)`;
  }
  return undefined;
}

/** A text for a message, shortened: it may be a whole file if a path was wrong. */
function shortened(text: string, most = MOST_SHOWN): string {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}
