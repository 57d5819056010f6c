import { HashbrookError } from "../core/errors.js";
import { type Facts, lastName } from "./column.js";

/** The label: what the model learns to predict. */
export interface DraftLabel {
  readonly from: string;
  /** As written in the spec. */
  readonly positive: string | readonly string[];
  /** The share of positives in the sample. */
  readonly share: number;
  /** The reason for the column and for the positive values. */
  readonly why: string;
  /** Whether the text of a value is positive. */
  readonly is: (text: string) => boolean;
  /** Neither given nor told by its name: it is the only column that can be a label. */
  readonly guessed: boolean;
}

/** Common names of labels, the most certain first; `is_click`, `hasClicked` are those of `click`, `clicked`. */
const NAMES =
  "label click clicked target y conversion converted attributed purchase purchased bought buy booking booked response outcome install installed recommended survived churn churned exited fraud subscribe subscribed class".split(
    " ",
  );
/** Names of columns whose large values are the positives, the most certain first. */
const GRADES = ["rating", "stars", "overall", "score", "grade"];
/** `Book-Rating`, `star_rating`; but an item's average rating, and who may see it, are known before. */
const GRADE = /(?<!average|avg|mean|age|content|mpaa|parental)[-_ /](rating|stars)$/;
/** Those that are as often what something is predicted from. */
const INPUTS = ["score", "grade"];
/** Numbers of events, in rows that sum up several. */
const CLICKS = /^(num_?|n_?)?(clicks?|clk|conversions?|installs|purchases|orders)$/;
const IMPRESSIONS = /^(num_?|n_?)?(impressions?|imps?|views|shows|displays|exposures)$/;
/** Words for a positive label. */
const YES = new Set("yes y true t click clicked buy bought purchase purchased pos positive 1".split(" "));
/** What a person is: hardly ever a label, though it often has two values. */
const PERSONAL = /^(sex|gender|male|female)$/i;
/** Columns with at most this many values are shown with them. */
const FEW = 10;
/** Items with a label each: `N10-0 N11-1`. */
const LABELLED = /^\S+-[01]( \S+-[01])*$/;
/** A numeric column with more distinct values is not a grade. */
const MOST_GRADES = 50;

/** What is said of the label, and where else one may be. */
interface LabelOptions {
  /** Its column; undefined: one with a common label name, or the only one with two values. */
  readonly label?: string | undefined;
  /** The label value of positives; undefined: inferred from the values. */
  readonly positive?: string | undefined;
  /** Columns and members that list several items, each of which may have a label of its own. */
  readonly lists: readonly string[];
  /** Columns have no names. */
  readonly nameless: boolean;
}

/**
 * Finds the label.
 * @throws HashbrookError usage if there is no such column, or if none or several could be the label
 */
export function labelOf(columns: readonly Facts[], options: LabelOptions): DraftLabel {
  const { label: wanted, positive } = options;
  const facts = wanted === undefined ? guessed(columns, options) : named(columns, wanted);
  if (!facts)
    throw new HashbrookError("usage", `no column "${wanted}"`, {
      hint: `columns: ${columns.map(({ from }) => from).join(", ")}`,
    });
  const found = positive === undefined ? (binary(facts) ?? grades(facts)) : given(facts, positive);
  const isNamed = wanted !== undefined || placeOf([...NAMES, ...GRADES], facts) >= 0;
  if (found) return { from: facts.from, ...found, guessed: !isNamed };
  throw new HashbrookError("usage", `column "${facts.from}" has ${facts.distinct} values: ${someOf(facts)}`, {
    hint: "give --positive VALUE: the positive value, or a threshold such as '>= 4'",
  });
}

function placeOf(names: readonly string[], { from }: Facts): number {
  const name = lastName(from).replace(/^(is|has|was|did)_?(?=\w)/, "");
  return names.indexOf(GRADE.test(name) ? "rating" : name);
}

/** The column of a name; also if spaces around it are left out, as a header `id, income` has them. */
function named(columns: readonly Facts[], name: string): Facts | undefined {
  const [alike, ...more] = columns.filter(({ from }) => from.trim() === name.trim());
  return columns.find(({ from }) => from === name) ?? (more.length === 0 ? alike : undefined);
}

/** Columns of items with a label each, `N10-0 N11-1`. */
export function labelledLists(columns: readonly Facts[]): string[] {
  const isOne = ({ counts }: Facts) => {
    const texts = [...counts.keys()];
    return texts.some((text) => text.includes(" ")) && texts.every((text) => LABELLED.test(text));
  };
  return columns.filter((facts) => facts.shape === "text" && isOne(facts)).map(({ from }) => from);
}

const isPersonal = ({ from, counts }: Facts) =>
  PERSONAL.test(lastName(from)) || [...counts.keys()].every((text) => PERSONAL.test(text.trim()));

function guessed(columns: readonly Facts[], { lists, nameless }: LabelOptions): Facts {
  const found = (names: readonly string[], fits: (facts: Facts) => unknown) =>
    columns
      .filter((facts) => placeOf(names, facts) >= 0 && fits(facts))
      .toSorted((a, b) => placeOf(names, a) - placeOf(names, b))[0];
  const label = found(NAMES, (facts) => binary(facts) ?? (facts.distinct === 2 && grades(facts)));
  if (label) return label;
  const two = columns.filter((facts) => facts.distinct === 2 && binary(facts));
  const able = two.filter((facts) => !isPersonal(facts));
  const graded = found(GRADES, grades);
  const last = able.find((facts) => facts === columns.at(-1));
  if (graded) return last && placeOf(INPUTS, graded) >= 0 ? last : graded;
  // Without names the label is usually the first column, or the last.
  const ends = nameless ? able.filter((facts) => facts === columns[0] || facts === columns.at(-1)) : [];
  if (ends.length === 1) return ends[0];
  if (two.length === 1 && able.length === 1) return able[0];
  if (lists.length > 0)
    throw new HashbrookError("usage", `cannot infer the label column: ${lists[0]} lists several items in a line`, {
      hint: 'an event has one label: write a line for each item (features/README.md: "Lists of impressions"), or give --label COLUMN',
    });
  if (columns.length === 0) throw new HashbrookError("usage", "the events have nothing that a spec can name");
  throw new HashbrookError("usage", "cannot infer the label column", {
    hint: countsHint(columns) ?? candidatesOf(columns, two),
  });
}

/** How to learn from rows that sum up impressions; undefined: no columns have the names of their counts. */
function countsHint(columns: readonly Facts[]): string | undefined {
  const found = (names: RegExp) =>
    columns.find(({ from, shape, whole }) => shape === "number" && whole && names.test(lastName(from)))?.from;
  const [clicks, shown] = [found(CLICKS), found(IMPRESSIONS)];
  if (clicks === undefined || shown === undefined) return undefined;
  return `each row seems to sum up ${shown}: write ${clicks} ÷ ${shown} in a column, for label: { field: …, soft: true, weight: ${shown} }; or give --label COLUMN`;
}

/** @param two columns with two values */
function candidatesOf(columns: readonly Facts[], two: readonly Facts[]): string {
  const names = (some: readonly Facts[]) => some.map(({ from }) => from).join(", ");
  if (two.length > 0) return `give --label COLUMN; these have two values: ${names(two)}`;
  const few = columns.filter(({ distinct, shape }) => distinct > 1 && distinct <= FEW && shape !== "list");
  const values = few.map((facts) => `${facts.from} (${someOf(facts)})`).join(", ");
  if (few.length > 0) return `give --label COLUMN and --positive VALUE; these have few values: ${values}`;
  return `give --label COLUMN; columns: ${names(columns)}`;
}

type Positive = Omit<DraftLabel, "from" | "guessed">;

/** A text as a spec names it: one that begins like a threshold, `>50K`, in a list. */
const written = (positive: string) => (/^[<>=!]/.test(positive) ? [positive] : positive);

function positives(
  { counts, present }: Facts,
  positive: Positive["positive"],
  is: (text: string) => boolean,
  why: string,
): Positive {
  const count = [...counts].reduce((sum, [text, times]) => sum + (is(text) ? times : 0), 0);
  return { positive, share: present === 0 ? 0 : count / present, why, is };
}

/** Positives of a column with two values, or with one that is a common label value. */
function binary(facts: Facts): Positive | undefined {
  const texts = [...facts.counts.keys()];
  if (facts.shape === "number") return binaryNumber(facts);
  if (facts.shape !== "text" || texts.length === 0 || texts.length > 2) return undefined;
  if (texts.every((text) => text === "true" || text === "false"))
    return positives(facts, "1", (text) => text === "true", "true is positive");
  const rarer = texts.toSorted((a, b) => facts.counts.get(a)! - facts.counts.get(b)!)[0];
  const yes = texts.find((text) => YES.has(text.trim().toLowerCase()));
  if (texts.length < 2 && yes === undefined) return undefined;
  const why =
    yes === undefined ? `is assumed to be positive, as the rarer of ${someOf(facts)}` : "is the positive value";
  const positive = yes ?? rarer;
  return positives(facts, written(positive), (text) => text === positive, `${JSON.stringify(positive)} ${why}`);
}

function binaryNumber(facts: Facts): Positive | undefined {
  const values = [...new Set(facts.sorted)];
  if (values.length > 2 || !values.every((x) => x === 0 || x === -1 || x === 1)) return undefined;
  return positives(facts, "1", (text) => Number(text) === 1, "1 is positive");
}

/** Positives of a column of grades: the threshold that comes closest to splitting the events in half. */
function grades(facts: Facts): Positive | undefined {
  const values = [...new Set(facts.sorted)];
  if (facts.shape !== "number" || values.length < 2 || values.length > MOST_GRADES) return undefined;
  const from = (least: number) =>
    positives(facts, `>= ${least}`, (text) => Number(text) >= least, "the threshold splits the events most evenly");
  const halves = ({ share }: Positive) => Math.abs(share - 0.5);
  return values
    .slice(1)
    .map(from)
    .reduce((best, one) => (halves(one) < halves(best) ? one : best));
}

function given(facts: Facts, positive: string): Positive {
  const bound = /^>=\s*(\S+)$/.exec(positive)?.[1];
  const least = Number.isNaN(Number(bound)) ? undefined : bound;
  const number = Number(least ?? positive);
  const isNumber = facts.shape === "number";
  const is = (text: string) =>
    least === undefined ? text === positive || (isNumber && Number(text) === number) : Number(text) >= number;
  const found = positives(facts, least === undefined ? written(positive) : positive, is, "as given");
  if (found.share > 0)
    return least === undefined && isNumber && !isEnough(facts, number) ? { ...found, positive: [positive] } : found;
  throw new HashbrookError("usage", `column "${facts.from}" has no value ${JSON.stringify(positive)} in the sample`, {
    hint: `its values: ${someOf(facts)}`,
  });
}

/**
 * True if one number suffices as `positive`: with a single number only 0, 1 and -1 are negatives, with a list all other
 * values.
 */
const isEnough = ({ sorted }: Facts, positive: number) =>
  sorted.every((x) => x === positive || x === 0 || x === 1 || x === -1);

function someOf({ counts }: Facts): string {
  const some = [...counts.keys()].slice(0, 5).map((text) => JSON.stringify(text.slice(0, 24)));
  return some.join(", ") + (counts.size > 5 ? ", …" : "");
}
