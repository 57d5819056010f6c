import type { FileMetaData, SchemaElement, SchemaTree } from "hyparquet";
import { scaledNumber } from "../../core/fixed-point.js";
import { textOf } from "./json-lines.js";

type Convert = (value: unknown) => unknown;

/**
 * hyparquet makes objects of maps, in which a key `__proto__` would be lost, and doubles of decimals, which loses digits and rounds
 * twice. So maps are declared as what they consist of, lists of structs, and decimals as integers.
 * @param metadata its schema is changed
 * @param isMap,isList hyparquet's own criteria
 * @returns by the names of columns, for those that need it: makes the value that was meant of what hyparquet returns
 * @throws Error for a struct with a member that would be lost
 */
export function keepValues(
  metadata: FileMetaData,
  { children }: SchemaTree,
  { isMap, isList }: Record<"isMap" | "isList", (tree: SchemaTree) => boolean>,
): Map<string, Convert> {
  refuseLostMembers(metadata);
  const convertOf = (tree: SchemaTree): Convert | undefined => {
    if (tree.element.logical_type?.type === "VARIANT") return keepWhole(tree);
    const own = isMap(tree) ? mapOf(tree) : isList(tree) ? listOf(tree) : structOrLeaf(tree);
    return tree.element.repetition_type === "REPEATED" ? each(own) : own;
  };
  const listOf = ({ children: [repeated] }: SchemaTree) =>
    each(repeated.children.length === 1 ? convertOf(repeated.children[0]) : structOrLeaf(repeated));
  const mapOf = ({ element, children: [entries] }: SchemaTree) => {
    const [key, value] = entries.children.map(convertOf);
    delete element.converted_type;
    delete element.logical_type;
    return entriesOf(entries.element.name, key, value);
  };
  const structOrLeaf = (tree: SchemaTree) =>
    tree.children.length > 0
      ? members(tree.children.map((child) => [child.element.name, convertOf(child)] as const))
      : (durationOf(tree.element) ?? decimalOf(tree.element));
  const found = children.map((tree) => [tree.element.name, convertOf(tree)] as const);
  return new Map(found.flatMap(([name, convert]) => (convert ? [[name, convert]] : [])));
}

/** hyparquet makes objects of structs, in which a member of this name would be lost. */
function refuseLostMembers({ row_groups }: FileMetaData): void {
  const paths = row_groups.flatMap(({ columns }) => columns.map(({ meta_data: meta }) => meta?.path_in_schema ?? []));
  const lost = paths.find((path) => path.includes("__proto__", 1));
  if (lost) throw new Error(`${lost.join(".")}: a member of a struct cannot be named __proto__`);
}

/**
 * Declares a decimal in a way in which it keeps all its digits (ids of data warehouses are often decimals of 38 digits): hyparquet
 * leaves a plain INT64 alone, and gives a geometry's bytes to a parser. Geometries are declared as geographies, which hyparquet converts
 * alike.
 */
function decimalOf(element: SchemaElement): Convert | undefined {
  const { type, scale = 0, logical_type: logical } = element;
  if (logical?.type === "GEOMETRY") element.logical_type = { type: "GEOGRAPHY" };
  if (element.converted_type !== "DECIMAL") return undefined;
  delete element.converted_type;
  if (type === "INT32" || type === "INT64") delete element.logical_type;
  else element.logical_type = { type: "GEOMETRY" };
  return scale === 0 ? undefined : (value) => (isInteger(value) ? scaledNumber(value, scale) : value);
}

/** hyparquet refuses a whole file because of a duration (INTERVAL), even if nobody reads it; declared as bytes it becomes an object. */
function durationOf(element: SchemaElement): Convert | undefined {
  if (element.converted_type !== "INTERVAL") return undefined;
  delete element.converted_type;
  return (value) => {
    if (!(value instanceof Uint8Array)) return value;
    const view = new DataView(value.buffer, value.byteOffset);
    const [months, days, ms] = [0, 4, 8].map((at) => view.getUint32(at, true));
    return { months, days, ms };
  };
}

/** hyparquet decodes a variant as a whole: only whole decimals in it can be kept. */
function keepWhole({ element, children }: SchemaTree): undefined {
  for (const child of children) keepWhole(child);
  if ((element.scale ?? 0) === 0) decimalOf(element);
}

const isInteger = (value: unknown): value is number | bigint => typeof value === "number" || typeof value === "bigint";

function each(convert: Convert | undefined): Convert | undefined {
  return convert && ((values) => (Array.isArray(values) ? values.map(convert) : values));
}

function members(all: readonly (readonly [name: string, convert: Convert | undefined])[]): Convert | undefined {
  if (all.every(([, convert]) => convert === undefined)) return undefined;
  return (struct) => {
    if (struct === null || struct === undefined) return struct;
    const given = struct as Record<string, unknown>;
    return Object.fromEntries(all.map(([name, convert]) => [name, convert ? convert(given[name]) : given[name]]));
  };
}

/** Of a struct with a list of key and value: an object. */
function entriesOf(
  name: string,
  convertKey: Convert = (key) => key,
  convertValue: Convert = (value) => value,
): Convert {
  return (struct) => {
    if (struct === null || struct === undefined) return struct;
    const entries = (struct as Record<string, readonly { key: unknown; value: unknown }[]>)[name];
    return Object.fromEntries(entries.map(({ key, value }) => [keyOf(convertKey(key)), convertValue(value)]));
  };
}

const keyOf = (key: unknown): string => (key instanceof Uint8Array ? textOf(key) : String(key));
