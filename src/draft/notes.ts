import { type Facts, lastName, textOf } from "./column.js";
import type { DraftLabel } from "./label.js";
import type { DraftTime } from "./time.js";

/** What notes are about. */
interface Noted {
  readonly facts: readonly Facts[];
  readonly label: DraftLabel;
  readonly time: DraftTime | null;
  /** Fields that tell the label, with how they do, which are kept because there are no others. */
  readonly telling: ReadonlyMap<string, string>;
  /** Columns and JSON members that a spec cannot name. */
  readonly unnamed: readonly string[];
}

/** `31.12.2024 23:59`, `12/31/24 11:59:59 PM`, `31/Dec/2024:23:59:59 +0000`. */
const WRITTEN_DATE =
  /^\d{1,4}[./-](\d{1,2}|[a-z]{3})[./-]\d{2,4}([ T:,]+\d{1,2}:\d\d(:\d\d(\.\d+)?)?( ?[AP]M)?( ?(Z|UTC|[+-]\d\d:?\d\d))?)?$/i;
/** `Tue Dec 31 23:59:59 +0000 2024`, `Tue, 31 Dec 2024 23:59:59 GMT`, `Dec 31, 2024`, `31 December 2024`. */
const NAMED_MONTH =
  /^([a-z]{3,9},? +)?([a-z]{3,9} +\d{1,2}|\d{1,2} +[a-z]{3,9}),?( +\d{4})?( +\d{1,2}:\d\d(:\d\d)?)?( ?[AP]M)?( +(UTC|GMT|[A-Z]{3,4}|[+-]\d\d:?\d\d))?( +\d{4})?$/i;
const MONTH = /\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b/i;
const YEAR = /\b\d{4}\b/;
/** `20241231`, `2024123123`, `24123123`, `20241231235959`: a year, a month, a day, and perhaps a time. */
const DIGITS_DATE = /^(20)?\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(([01]\d|2[0-3])([0-5]\d){0,2})?$/;
/** `20241231235959`, `20241231235959999`: no other number is so long and a date. */
const LONG_DATE = /^20\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])([0-5]\d){2}(\d{3})?$/;
const NAMED_DATE = /(time|timestamp|ts|date|day|hour|at)$/i;
const WEIGHT = /(^|[_.\s]|[a-z](?=[A-Z]))(weight|importance)$/i;
const MANY_TEXTS = 100;
/** Fewer events of a class may be beside each other by chance. */
const A_BLOCK = 10;
const COUNT = /^(clicks?|conversions?|purchases|installs)$/;

/** What a person should look at before training with a draft. */
export function notesOf({ facts, label, time, telling, unnamed }: Noted): string[] {
  const others = facts.filter(({ from }) => from !== label.from && from !== time?.from);
  const order = `events are not in the order of ${time?.from}: sort them before training, which scores every event before it is learned`;
  return [
    ...(label.guessed
      ? [`${label.from} is taken for the label, as no other column can be one: if it is not, give --label COLUMN`]
      : []),
    ...(!time?.ascends && isSorted(facts.find(({ from }) => from === label.from)!, label)
      ? [
          `events are sorted by ${label.from}, so that the last part, which --validate-last holds out, has one class: shuffle them first, or sort them by time`,
        ]
      : []),
    ...[...telling].map(([from, how]) => `${from} ${how}: check that it is known before the click`),
    ...(time && !time.ascends ? [order] : []),
    ...(COUNT.test(lastName(label.from)) && label.positive[0] === ">" ? [counts(label.from)] : []),
    ...others.flatMap((one) => noteOf(one, time) ?? []),
    ...spaced(facts),
    ...unnamed.map(
      (path) =>
        `${path}: left out, because a spec cannot refer to it (an empty or repeated name, dots that separate nothing, objects or lists in a list)`,
    ),
  ];
}

/** Whether the positives are one block of the events, and no other order can explain it. */
function isSorted({ values }: Facts, { is }: DraftLabel): boolean {
  const labels = values.filter((value) => value !== undefined && value !== "").map((value) => is(textOf(value)));
  const positives = labels.filter(Boolean).length;
  const changes = labels.filter((positive, i) => i > 0 && positive !== labels[i - 1]).length;
  return changes <= 2 && Math.min(positives, labels.length - positives) >= A_BLOCK;
}

/** Columns of a file that is separated by commas and spaces. */
function spaced(facts: readonly Facts[]): string[] {
  const begin = ({ shape, counts }: Facts) => shape === "text" && [...counts.keys()].every((text) => /^ \S/.test(text));
  const found = facts.filter((one) => one.present > 0 && begin(one)).map(({ from }) => from.trim());
  if (found.length === 0) return [];
  const names = found.length > 3 ? `${found.slice(0, 3).join(", ")} and ${found.length - 3} more` : found.join(", ");
  return [
    `values of ${names} begin with a space, which is part of them, so that their numbers are texts and requests must have it too, unless the spec says events: { trim: true }`,
  ];
}

const counts = (from: string) =>
  `${from} seems to be a count: to learn the rate of rows that sum up several impressions, write their share of clicks as the label, with soft: true, and the impressions as its weight`;

function noteOf(facts: Facts, time: DraftTime | null): string | undefined {
  const { from, shape, sorted, commaInNumber } = facts;
  if (isDate(facts))
    return time
      ? undefined
      : `${from} looks like a date that a spec cannot read: write it as 2024-12-31 23:59, or as a number since 1970, and it can be the time of the events`;
  if (commaInNumber)
    return `${from} has commas in its numbers, so it is text to a spec: write 1234.5 for 1234,5 (or for 1,234.5), and it can be a number`;
  if (WEIGHT.test(from) && shape === "number" && sorted[0] > 0)
    return `${from} is a field: if it is how much an event counts, write it as the label's weight instead`;
  if (isPhrases(facts))
    return `${from} has texts of several words: with type: bag and separator: " " their words are learned, in place of whole texts`;
  return undefined;
}

/** True for search queries and titles: many texts of few words. */
function isPhrases({ shape, counts, distinct }: Facts): boolean {
  if (shape !== "text" || distinct < MANY_TEXTS) return false;
  const texts = [...counts.keys()].map((text) => text.split(" "));
  return 2 * texts.filter(({ length }) => length > 1).length >= distinct && 2 * new Set(texts.flat()).size <= distinct;
}

function isDate({ from, values, present, distinct }: Facts): boolean {
  if (present < values.length || distinct < 2) return false;
  const texts = values.map(textOf);
  return (
    texts.every((text) => WRITTEN_DATE.test(text) || LONG_DATE.test(text) || isNamedMonth(text)) ||
    (NAMED_DATE.test(from) && texts.every((text) => DIGITS_DATE.test(text)))
  );
}

const isNamedMonth = (text: string) => NAMED_MONTH.test(text) && MONTH.test(text) && YEAR.test(text);
