import { grouped } from "../core/digits.js";
import type { Facts } from "./column.js";

/** A field as in a spec, without its table. */
export interface DraftField {
  readonly name: string;
  readonly from: string;
  readonly type: "categorical" | "numeric" | "bag" | "vector";
  /** Other keys of the field in the spec. */
  readonly more: Readonly<Record<string, string | number | readonly string[]>>;
  readonly facts: Facts;
  /** The reason for the type. */
  readonly why: string;
  /** Its table, if another field has ids of the same kind. */
  readonly table?: string;
}

type FieldType = Pick<DraftField, "type" | "more" | "why">;

/** Events needed to conclude that a column numbers or names the events. */
const SAMPLE = 100;
/** Integers with at most this many distinct values are categories. */
const FEW = 20;
/** So are integers that each recur this often on average and are not counts, up to `MOST_CODES` of them. */
const AGAIN = 10;
const MOST_CODES = 1000;
/** Last words of the names of columns whose numbers are only labels: `user_id`, `device`, `zipCode`. */
const WORDS = new Set(
  "id ids code zip zipcode postcode hash type class category version hour day weekday month ip app os device channel campaign user item site ad advertiser publisher product article page brand city country region market store shop segment genre cluster slot".split(
    " ",
  ),
);
/** Names whose last word is not set off, `userid`, unlike words that only end like one: `bid`, `capacity`. */
const RUN_ON = /(?<!^b|pa|[_. -]b|gr|rap|liqu)ids?$|[a-z](code|type)$/i;
/** Numbers from here on that have no name are ids, however narrow their range: `214536502`. */
const LONG_ID = 1_000_000;
/** Counts and prices have a maximum of at least this many medians; logarithmic buckets suit them better. */
const SKEWED = 8;
const LONGEST_BAG = 4096;

/** What is known of a column beside its own values. */
export interface Hints {
  /** Its values are items of another column's lists, so they are ids. */
  readonly isListed?: boolean;
  /** Columns have no names. */
  readonly nameless?: boolean;
}

/** The type of field that a column becomes; `left`: none, and the reason. */
export function fieldTypeOf(facts: Facts, { isListed, nameless }: Hints = {}): FieldType | { readonly left: string } {
  const { values, present, distinct, shape } = facts;
  const rows = values.length;
  if (present === 0) return { left: "is always missing" };
  if (distinct === 0) return { left: "is always an empty list" };
  if (distinct === 1 && shape !== "list") return { left: "is always the same" };
  if (rows >= SAMPLE && shape === "number" && numbersEvents(facts)) return { left: "numbers the events" };
  if (shape === "number" && !isListed && !isCode(facts) && !(nameless && isIdLike(facts))) return numeric(facts);
  if (shape === "vector")
    return { type: "vector", more: withSeparator(facts, { length: facts.length }), why: "numbers" };
  if (shape === "list") return bag(facts);
  if (rows >= SAMPLE && distinct === present && present > 0.9 * rows)
    return { left: "is different in every event, so nothing can be learned from it" };
  return { type: "categorical", more: {}, why: `${grouped(distinct)} values` };
}

/** True for numbers whose magnitude carries no meaning. */
function isCode(facts: Facts): boolean {
  const { from, whole, distinct, present } = facts;
  if (!whole || isNamedCode(from) || distinct <= FEW) return whole;
  return !isSkewed(facts) && distinct <= Math.min(MOST_CODES, present / AGAIN);
}

/** True for `user_id`, `userId`, `userid`, `zip code`. */
function isNamedCode(from: string): boolean {
  const last = from
    .trim()
    .split(/[_. -]|(?<=[a-z\d])(?=[A-Z])/)
    .at(-1)!;
  return WORDS.has(last.toLowerCase()) || RUN_ON.test(from.trim());
}

/**
 * True for whole numbers that are spread over a wide range, or all long, unlike counts and measures: without a name,
 * most are ids.
 */
function isIdLike(facts: Facts): boolean {
  const { whole, sorted } = facts;
  const isWide = sorted[0] >= 0 && sorted[0] <= sorted[sorted.length - 1] / 2 && !isSkewed(facts);
  return whole && (isWide || sorted[0] >= LONG_ID);
}

/** True for counts and prices: many small values, and some very large ones. */
function isSkewed({ sorted, whole }: Facts): boolean {
  const least = sorted[0];
  const median = sorted[sorted.length >> 1];
  const most = sorted[sorted.length - 1];
  return -least <= most / 100 && most >= SKEWED * Math.max(1, median) && (whole || most >= 4 * SKEWED);
}

function numeric(facts: Facts): FieldType {
  const { sorted, nulls } = facts;
  const [least, median, most] = [sorted[0], sorted[sorted.length >> 1], sorted[sorted.length - 1]].map(figure);
  const transform = isSkewed(facts) ? "log1p-bucket" : "standardize";
  const more = { transform, ...(nulls.length > 0 && { null_values: nulls }) };
  return { type: "numeric", more, why: `${least} to ${most}, median ${median}` };
}

/** True for whole numbers that increase from event to event. */
function numbersEvents({ values, whole, distinct, sorted }: Facts): boolean {
  return whole && distinct === values.length && values.every((value, i) => Number(value) === sorted[i]);
}

function bag(facts: Facts): FieldType {
  const longest = Math.min(LONGEST_BAG, 2 ** Math.ceil(Math.log2(Math.max(2, facts.length))));
  const why = `lists of ${grouped(facts.distinct)} values, at most ${facts.length} each`;
  return { type: "bag", more: withSeparator(facts, { max_length: longest }), why };
}

const withSeparator = ({ separator }: Facts, more: DraftField["more"]): DraftField["more"] =>
  separator === null || separator === "|" ? more : { separator, ...more };
const figure = (x: number) => String(Number.isSafeInteger(x) ? x : Number(x.toPrecision(4)));
