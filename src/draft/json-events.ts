import { HashbrookError } from "../core/errors.js";
import { isObject } from "../core/json.js";
import type { Value } from "./column.js";
import type { Events } from "./events.js";

const DEPTH = 8;
/** An object with more members than this over all events, whose values are numbers, is a bag with weights. */
const MOST_MEMBERS = 32;

/**
 * Events that are lines of JSON.
 * @throws HashbrookError source_unreadable if no line is an object
 */
export function jsonEvents(file: string, lines: readonly string[]): Events {
  const rows = lines.map(parsed).filter((row) => row !== undefined);
  if (rows.length === 0) throw notJson(file, lines[0].trimStart());
  const values = new Map<string, Value[]>();
  const unnamed = new Set<string>();
  const lists = new Set<string>();
  const maps = mapsIn(rows);
  const add = (row: number, path: string, value: Value) => {
    if (!values.has(path)) values.set(path, []);
    if (values.get(path)![row] !== undefined) unnamed.add(path);
    values.get(path)![row] = value;
  };
  rows.forEach((row, i) => {
    flatten(row, "", { maps, unnamed, lists, add: (path, value) => add(i, path, value) });
  });
  const columns = [...values]
    .filter(([path]) => !unnamed.has(path))
    .map(([from, some]) => ({ from, values: Array.from(rows, (_, i) => some[i]) }));
  return { written: { format: "json" }, rows: rows.length, columns, unnamed: [...unnamed], lists: [...lists] };
}

type Row = { readonly [name: string]: unknown };

function parsed(line: string): Row | undefined {
  try {
    const row: unknown = JSON.parse(line);
    return isObject(row) ? row : undefined;
  } catch {
    return undefined; // training rejects it and reports the line
  }
}

/** Paths of objects that are bags, `{ item: weight }`. */
function mapsIn(rows: readonly Row[]): ReadonlySet<string> {
  const members = new Map<string, Set<string>>();
  const look = (value: unknown, path: string, depth: number) => {
    if (!isObject(value) || depth > DEPTH) return;
    if (!members.has(path)) members.set(path, new Set());
    for (const [name, inner] of Object.entries(value)) {
      if (typeof inner === "number") members.get(path)!.add(name);
      look(inner, path === "" ? name : `${path}.${name}`, depth + 1);
    }
  };
  for (const row of rows) look(row, "", 0);
  return new Set([...members].filter(([path, { size }]) => path !== "" && size > MOST_MEMBERS).map(([path]) => path));
}

interface Flattening {
  readonly maps: ReadonlySet<string>;
  readonly unnamed: Set<string>;
  readonly lists: Set<string>;
  add(path: string, value: Value): void;
}

function flatten(row: Row, prefix: string, to: Flattening): void {
  for (const [name, value] of Object.entries(row)) {
    const path = prefix + name;
    if (value === null) continue;
    const lists = isObjects(value);
    if (lists) to.lists.add(path);
    if (lists || name.split(".").includes("")) to.unnamed.add(path);
    else if (isObject(value) && !to.maps.has(path)) flatten(value, `${path}.`, to);
    else to.add(path, value as Value);
  }
}

/** True for an array of objects, or of arrays that are not weighted items, `[item, weight]`. */
function isObjects(value: unknown): boolean {
  return Array.isArray(value) && value.some((item) => isObject(item) || (Array.isArray(item) && !isWeighted(item)));
}

const isWeighted = (item: readonly unknown[]): boolean =>
  item.length === 2 && typeof item[0] !== "object" && (item[1] === null || typeof item[1] === "number");

/** Python's dictionaries, as `print` writes them: strings in single quotes, `True`, `None`. */
const DICT = /^\{\s*'/;

function notJson(file: string, first: string): HashbrookError {
  const [what, command] = DICT.test(first)
    ? [
        "lines are Python dictionaries, not JSON",
        `python3 -c 'import ast, json, sys; [print(json.dumps(ast.literal_eval(line))) for line in sys.stdin]' <`,
      ]
    : first.startsWith("[")
      ? ["is a JSON array: an event must be one line", "jq -c '.[]'"]
      : ["no line is a JSON object: an event must be one line", "jq -c ."];
  return new HashbrookError("source_unreadable", `${file}: ${what}`, {
    hint: `convert it: ${command} FILE > FILE.jsonl`,
  });
}
