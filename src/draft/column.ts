/** A value of an event in a sample: text, or any JSON value; undefined: missing. */
export type Value = string | number | boolean | readonly Value[] | { readonly [name: string]: Value } | undefined;

/** The values of one column or JSON path, in the order of the events. */
export interface Column {
  /** Its name, as in a spec's `from`. */
  readonly from: string;
  readonly values: readonly Value[];
}

/** A column with its statistics, from which its role in the model is chosen. */
export interface Facts extends Column {
  /** Number of events that have a value. */
  readonly present: number;
  /** Number of distinct values. */
  readonly distinct: number;
  readonly shape: "text" | "number" | "list" | "vector";
  /** Number of occurrences of each text, in the order of first appearance. */
  readonly counts: ReadonlyMap<string, number>;
  /** For numbers: the values in ascending order. */
  readonly sorted: Float64Array;
  readonly whole: boolean;
  /** True if numbers are written as JSON strings. */
  readonly quoted: boolean;
  /** True if the texts are numbers with a comma, `4,5`. */
  readonly commaInNumber: boolean;
  /** Texts among numbers that stand for a missing value. */
  readonly nulls: readonly string[];
  /** For a list or vector written as text: the separator of its items. */
  readonly separator: string | null;
  /** For a list: the largest number of items of a value. For a vector: the number of items of every value. */
  readonly length: number;
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
/** Texts that stand for a missing number. */
const NULLS = new Set(
  "NA N/A n/a na #N/A <NA> null NULL None none nan NaN \\N - ? . unknown Unknown missing Missing".split(" "),
);
/** True for a text that stands for a missing number. */
export const isNull = (text: string) => NULLS.has(text) || text.trim() === "";
/** The comma of `4,5`, or of `1.234,50`; among some, whole numbers may have none. */
const DECIMAL_COMMA = /^[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?$/;
/** Those of `1,234,567` and `1,234.50`; numbers below a thousand have none. */
const GROUPED = /^[+-]?\d{1,3}(,\d{3})*(\.\d+)?$/;
/** What no list of ids of three digits has. */
const SHORT_GROUP = /^[+-]?\d{1,2},|\./;
const SEPARATORS = ["|", ";", ",", " "];
/** Ids of one kind differ in their number alone: `N4711`, `42`. */
const ID = /^([A-Za-z_]*)\d{1,20}$/;
/** A text column is a list only if at least this share of its values has more than one item. */
const LISTS = 0.1;
const SHORTEST_VECTOR = 4;

/** Computes the statistics of a column. */
export function factsOf({ from, values }: Column): Facts {
  const present = values.filter((value) => value !== undefined && value !== "");
  const common = { from, values, present: present.length, sorted: new Float64Array(0), whole: false, quoted: false };
  const none = { ...common, commaInNumber: false, nulls: [], separator: null, length: 1 };
  if (present.length > 0 && present.every((value) => typeof value === "object"))
    return { ...none, ...itemsOf(present.map(entriesOf)) };
  const texts = present.map(textOf);
  const counts = counted(texts);
  const facts = { ...none, counts, distinct: counts.size, shape: "text" as const };
  const nulls = [...counts.keys()].filter(isNull);
  const numbers = texts.filter((text) => !isNull(text));
  if (numbers.length > 0 && numbers.every(isNumber)) {
    const sorted = Float64Array.from(numbers, Number).sort();
    const quoted = present.some((value) => typeof value === "string");
    return { ...facts, shape: "number", sorted, whole: sorted.every(Number.isSafeInteger), quoted, nulls };
  }
  if (hasCommas(numbers)) return { ...facts, commaInNumber: true };
  return { ...facts, ...split(texts, counts.size) };
}

function hasCommas(texts: readonly string[]): boolean {
  if (!texts.some((text) => text.includes(","))) return false;
  if (texts.every((text) => DECIMAL_COMMA.test(text))) return true;
  return texts.every((text) => GROUPED.test(text)) && texts.some((text) => SHORT_GROUP.test(text));
}

/** True for a number that is not an identifier: `007` and numbers beyond 2^53 are ids. */
function isNumber(text: string): boolean {
  return NUMBER.test(text) && !/^[+-]?0\d/.test(text) && Math.abs(Number(text)) <= Number.MAX_SAFE_INTEGER;
}

/** The last name of a column or JSON path, in lower case, without spaces around it. */
export const lastName = (from: string): string =>
  from
    .toLowerCase()
    .slice(from.lastIndexOf(".") + 1)
    .trim();

/** A value as the text that the engine compares and hashes; an object as JSON. */
export const textOf = (value: Value): string => (typeof value === "object" ? JSON.stringify(value) : String(value));

function counted(texts: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return counts;
}

/** The items of an array (also of `[[item, weight], …]`) or of an object `{ item: weight }`. */
function entriesOf(value: Value): string[] {
  if (!Array.isArray(value)) return Object.keys(value as object);
  return value.map((item) => textOf(Array.isArray(item) ? item[0] : item));
}

type Items = Pick<Facts, "shape" | "counts" | "distinct" | "length">;

function itemsOf(lists: readonly (readonly string[])[]): Items {
  const counts = counted(lists.flat());
  const lengths = lists.map((list) => list.length);
  const length = lengths.reduce((most, one) => Math.max(most, one), 1);
  const items = [...counts.keys()];
  const even = length >= SHORTEST_VECTOR && lengths.every((one) => one === length);
  const vector = even && items.every((item) => NUMBER.test(item)) && items.some((item) => !Number.isInteger(+item));
  return { shape: vector ? "vector" : "list", counts, distinct: counts.size, length };
}

/** Recognises a text column as a list: its values have items in common, or are ids of one kind, some more, some fewer. */
function split(texts: readonly string[], distinct: number): Partial<Facts> {
  for (const separator of SEPARATORS) {
    const lists = texts.map((text) => text.split(separator));
    if (lists.filter((list) => list.length > 1).length < LISTS * texts.length) continue;
    const items = itemsOf(lists);
    if (items.shape === "vector") return { ...items, separator };
    const total = lists.reduce((sum, list) => sum + list.length, 0);
    const some = [...items.counts.keys()];
    const plain = some.every((item) => item.length <= 64 && item.trim() === item && item !== "");
    const uneven = lists.some(({ length }) => length !== lists[0].length);
    const recur = separator !== " " && items.distinct < distinct && items.distinct <= total / 2;
    if ((plain && recur) || (uneven && areIds(some))) return { ...items, separator };
  }
  return {};
}

function areIds(items: readonly string[]): boolean {
  const kinds = new Set(items.map((item) => ID.exec(item)?.[1]));
  return kinds.size === 1 && !kinds.has(undefined);
}
