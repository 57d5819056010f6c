import { grouped } from "../core/digits.js";
import { HashbrookError } from "../core/errors.js";
import { isObject } from "../core/json.js";
import type { Rng } from "../core/rng.js";
import { nearest } from "../schema/problems.js";
import type { SpecDocument, SpecPath } from "../spec/document.js";
import { pathParts } from "../spec/document-path.js";

/** A value of a spec, or several that change together (`*`), and the alternatives to try. */
export interface Dimension {
  /** As given: `tables.*.optimizer.ftrl.alpha`. */
  readonly path: string;
  readonly places: readonly SpecPath[];
  readonly values: Values;
}

/** A list of values, or a range. */
type Values =
  | { readonly list: readonly unknown[] }
  | {
      readonly from: number;
      readonly to: number;
      readonly log: boolean;
      readonly points: number;
      readonly whole: boolean;
    };

/** One combination: a value for each dimension. */
export type Setting = readonly unknown[];

/** Default number of grid points in a range. */
const POINTS = 5;
/** Most combinations of a grid. */
export const MOST_SETTINGS = 1024;

/** The dimensions of some `PATH=VALUES`. @throws HashbrookError usage, as `dimension`, or if a path is given twice */
export function dimensionsOf(texts: readonly string[], document: SpecDocument): Dimension[] {
  const dimensions = texts.map((text) => dimension(text, document));
  const paths = dimensions.map(({ path }) => path);
  const twice = paths.find((path, i) => paths.indexOf(path) < i);
  if (twice !== undefined)
    throw refused(`--set ${twice}`, "is given twice", `give all of its values at once: --set ${twice}=A,B,C`);
  return dimensions;
}

/**
 * Parses `PATH=VALUES`: `tables.ids.dim=4,8,16`, `tables.*.optimizer.ftrl.alpha=0.05:1:log`, `...=4:64:log:5` (five points).
 * @throws HashbrookError usage, naming the path and what is there instead
 */
export function dimension(text: string, document: SpecDocument): Dimension {
  const at = text.indexOf("=");
  if (at < 1) throw refused(`--set ${text}`, "expected PATH=VALUES", "e.g. --set tables.ids.dim=4,8,16");
  const path = text.slice(0, at).trim();
  const values = text.slice(at + 1).trim();
  return { path, places: placesOf(path, document), values: valuesOf(values, path) };
}

function placesOf(path: string, document: SpecDocument): SpecPath[] {
  const parts = pathParts(path);
  // Values may be left to their defaults in tables, train and the tower; anywhere else they must be written.
  const places = document.expand(parts);
  if (places.length === 0) throw refused(`--set ${path}`, "the path does not exist", whatIsThere(document, parts));
  const [top] = parts;
  const known = document.get([]);
  if (top !== "*" && isObject(known) && !Object.hasOwn(known, top) && !["train", "calibration"].includes(top))
    throw refused(`--set ${path}`, `the spec has no "${top}"`, whatIsThere(document, parts));
  for (const place of places) checkTable(place, path, document);
  return places;
}

/** A missing table would be created, without any field that uses it. */
function checkTable([top, name]: SpecPath, path: string, document: SpecDocument): void {
  if (top !== "tables" || document.get(["tables", name]) !== undefined) return;
  throw refused(`--set ${path}`, `unknown table "${name}"`, whatIsThere(document, ["tables", String(name)]));
}

/** What exists where a path does not lead anywhere. */
function whatIsThere(document: SpecDocument, parts: readonly string[]): string {
  for (let depth = parts.length - 1; depth >= 0; depth--) {
    const [above] = document.expand(parts.slice(0, depth));
    const value = above && document.get(above);
    const keys = Array.isArray(value)
      ? value.map((item, i) => (isObject(item) && typeof item.name === "string" ? item.name : String(i)))
      : isObject(value)
        ? Object.keys(value)
        : null;
    if (!keys) continue;
    const meant = nearest(parts[depth], keys);
    const where = depth === 0 ? "the spec" : parts.slice(0, depth).join(".");
    return `${meant ? `did you mean "${meant}"? ` : ""}${where} has ${keys.join(", ")}`;
  }
  return "see features/README.md";
}

function valuesOf(text: string, path: string): Values {
  const [from, to, ...more] = text.split(":");
  if (to !== undefined && [from, to].every(isNumber)) return rangeOf(text, numberOf(from), numberOf(to), more, path);
  if (text === "") throw refused(`--set ${path}=`, "has no values", "e.g. 4,8,16 or 0.05:1:log");
  return { list: wordsOf(text).map((word) => read(word.trim(), path)) };
}

function rangeOf(text: string, from: number, to: number, more: readonly string[], path: string): Values {
  const log = more.includes("log");
  const points = more.filter((word) => word !== "log" && word !== "lin");
  const count = points.length === 0 ? POINTS : Number(points[0]);
  const fault =
    points.length > 1 || !(Number.isSafeInteger(count) && count >= 2)
      ? "expected FROM:TO[:log][:POINTS]"
      : !(from < to)
        ? "FROM must be below TO"
        : log && !(from > 0)
          ? "FROM of a logarithmic range must be above 0"
          : null;
  if (fault) throw refused(`--set ${path}=${text}`, fault, "e.g. 0.05:1:log, or 4:64:log:5 for five points");
  const whole = Number.isInteger(from) && Number.isInteger(to) && to - from >= count - 1;
  return { from, to, log, points: count, whole };
}

const numberOf = (text: string): number => Number(text.replaceAll("_", ""));
const isNumber = (text: string): boolean => /\d/.test(text) && Number.isFinite(numberOf(text));

/** Separated by commas, but not those within brackets. */
function wordsOf(text: string): string[] {
  const words = [""];
  let depth = 0;
  for (const letter of text) {
    if ("[{".includes(letter)) depth++;
    if ("]}".includes(letter)) depth--;
    if (letter === "," && depth === 0) words.push("");
    else words[words.length - 1] += letter;
  }
  return words;
}

/** A word of the command line as a value: number, boolean, text; a list or a map as JSON. */
function read(word: string, path: string): unknown {
  if (!/^[[{]/.test(word)) return scalarOf(word);
  try {
    return JSON.parse(word);
  } catch {
    throw refused(`--set ${path}=${word}`, "is not JSON", 'e.g. [64,32], or {"ftrl":{"alpha":0.1}}');
  }
}

function scalarOf(word: string): unknown {
  if (isNumber(word)) return numberOf(word);
  return word === "true" ? true : word === "false" ? false : word;
}

/** Every combination, the last dimension varying fastest. @throws HashbrookError usage if there are too many */
export function gridOf(dimensions: readonly Dimension[]): Setting[] {
  const lists = dimensions.map(({ values }) => pointsOf(values));
  const count = lists.reduce((all, { length }) => all * length, 1);
  if (count > MOST_SETTINGS)
    throw refused("--set", `${grouped(count)} combinations are too many`, "sample some of them: --random 64");
  return lists.reduce<unknown[][]>(
    (all, list) => all.flatMap((before) => list.map((value) => [...before, value])),
    [[]],
  );
}

/** Random distinct combinations. */
export function randomSettings(dimensions: readonly Dimension[], count: number, random: Rng): Setting[] {
  const settings = new Map<string, Setting>();
  for (let tries = 0; settings.size < count && tries < 20 * count; tries++) {
    const setting = dimensions.map(({ values }) => drawn(values, random));
    settings.set(JSON.stringify(setting), setting);
  }
  return [...settings.values()];
}

function pointsOf(values: Values): readonly unknown[] {
  if ("list" in values) return values.list;
  const { points } = values;
  return [...new Set(Array.from({ length: points }, (_, i) => between(values, i / (points - 1))))];
}

function drawn(values: Values, random: Rng): unknown {
  return "list" in values ? values.list[random.below(values.list.length)] : between(values, random.uniform());
}

function between({ from, to, log, whole }: Exclude<Values, { list: unknown }>, part: number): number {
  const value = log ? from * (to / from) ** part : from + (to - from) * part;
  return whole ? Math.round(value) : Number(value.toPrecision(4));
}

/** The spec with a setting's values. */
export function withSetting(document: SpecDocument, dimensions: readonly Dimension[], setting: Setting): SpecDocument {
  const changed = document.copy();
  dimensions.forEach(({ places }, d) => {
    for (const place of places) put(changed, place, setting[d]);
  });
  return changed;
}

/** A name where a map may stand (`optimizer: ftrl`) becomes the map of its options. */
function put(document: SpecDocument, place: SpecPath, value: unknown): void {
  for (let depth = 1; depth < place.length; depth++) {
    const above = place.slice(0, depth);
    const there = document.get(above);
    if (there === undefined || isObject(there) || Array.isArray(there)) continue;
    if (there !== null && there !== place[depth])
      throw refused(
        `--set ${place.join(".")}`,
        `${above.join(".")} is ${JSON.stringify(there)}`,
        "tune the options of that kind",
      );
    document.set(above, { [place[depth]]: {} });
  }
  document.set(place, value);
}

/** "tables.ids.dim=8 train.batch=512": identifies a setting. */
export function settingText(dimensions: readonly Dimension[], setting: Setting): string {
  const text = (value: unknown) => (value instanceof Object ? JSON.stringify(value) : String(value));
  return dimensions.map(({ path }, d) => `${path}=${text(setting[d])}`).join(" ");
}

function refused(what: string, why: string, hint: string): HashbrookError {
  return new HashbrookError("usage", `${what}: ${why}`, { hint });
}
