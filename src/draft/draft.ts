import { basename } from "node:path";
import { checkArguments } from "../core/arguments.js";
import { HashbrookError } from "../core/errors.js";
import { inputsFor } from "../sources/source.js";
import { parseSpec } from "../spec/parse.js";
import { type CheckReport, check } from "../train/check/check.js";
import { type Facts, factsOf, lastName, textOf } from "./column.js";
import { type DraftField, fieldOf } from "./fields.js";
import { labelledLists, labelOf } from "./label.js";
import { tellsLabel } from "./leak.js";
import { notesOf } from "./notes.js";
import { columnsOfLists } from "./same-ids.js";
import { firstLines } from "./sample.js";
import { commonTables, type SpecParts, specText } from "./spec-text.js";
import { timeOf } from "./time.js";
import { eventsOf } from "./written.js";

/** What to draft a spec from. */
export interface DraftOptions {
  /** As for training: paths, glob patterns, "-", "simulate:…". */
  readonly data: string | readonly string[];
  /** The column or JSON path of the label. Default: one with a common label name, or the only one with two values. */
  readonly label?: string | undefined;
  /** The label value of positives, or a threshold, `">= 4"`. Default: inferred from the values. */
  readonly positive?: string | undefined;
  /** Default `deep_crossing`. */
  readonly tower?: (typeof draftTowers)[number] | undefined;
  /** The name of the model. Default: the file's name. */
  readonly name?: string | undefined;
  /** Number of events to read. Default 10,000. */
  readonly rows?: number | undefined;
}

/** The role given to a column. */
export interface DraftColumn {
  /** Its name, or a JSON path. */
  readonly from: string;
  /** Its role in the model; `left_out`: none. */
  readonly role: "label" | "time" | "id" | "field" | "left_out";
  /** The type of a field; null for other roles. */
  readonly type: DraftField["type"] | null;
  /** The reason, as text for a reader. */
  readonly why: string;
}

/** A drafted model spec, and the reasons for it. */
export interface Draft {
  /** The spec as YAML, with comments. */
  readonly spec: string;
  /** Number of events read. */
  readonly rows: number;
  /** In the order in which the events have them. */
  readonly columns: readonly DraftColumn[];
  /** What a person should look at. */
  readonly notes: readonly string[];
  /** The same events checked against the spec; null if the data can be read only once. */
  readonly check: CheckReport | null;
}

/** The towers that a draft can have. */
export const draftTowers = ["deep_crossing", "lr"] as const;

const ROWS = 10_000;
const IDS = /^(id|event_?id|request_?id|impression_?id|imp_?id|uuid|row_?id)$/;
const ENDINGS = /(\.(csv|tsv|txt|json|jsonl|ndjson|parquet|arrow|avro|gz|zst))+$/i;

/**
 * Drafts a model spec from the first events of some data: detects their format (delimited columns or JSON, and so
 * Parquet, Arrow and Avro files), finds label, time and id, and gives every other column a type and a table. The spec
 * compiles, and is a starting point to be corrected by hand.
 * @throws HashbrookError usage if the label cannot be determined, or no column is left to learn from; source_missing,
 * source_unreadable
 */
export async function draftSpec(options: DraftOptions): Promise<Draft> {
  checkArguments("draftSpec", options, {
    data: "files",
    label: "?text",
    positive: "?text",
    name: "?text",
    rows: "?count",
  });
  const { rows = ROWS, tower = draftTowers[0] } = options;
  const data = typeof options.data === "string" ? [options.data] : options.data;
  const { file, lines, whole } = await firstLines(data, rows + 1);
  const events = eventsOf({ file, lines }, rows);
  if (events.rows === 0) throw noEvents(file);
  const facts = events.columns.map(factsOf);
  const lists = [...events.lists, ...labelledLists(facts)];
  const roles = rolesOf(facts, { ...options, tower, lists, nameless: events.written.names !== undefined });
  if (roles.fields.length === 0) throw nothingToLearn(file, roles.left);
  const name = options.name ?? nameOf(basename(file).replace(ENDINGS, ""));
  const spec = specText({ name, tower, events, small: whole, ...roles });
  const compiled = parseSpec(spec, "the draft");
  const again = inputsFor(data).every(({ repeatable }) => repeatable);
  return {
    spec,
    rows: events.rows,
    columns: columnsOf(facts, roles),
    notes: notesOf({ facts, ...roles, unnamed: events.unnamed }),
    check: again ? await check({ model: compiled, data, rows }) : null,
  };
}

function noEvents(file: string): HashbrookError {
  return new HashbrookError("source_unreadable", `${file}: contains no events`, {
    hint: "give a file with events after the header line",
  });
}

function nothingToLearn(file: string, left: Roles["left"]): HashbrookError {
  return new HashbrookError("usage", `${file}: no column remains to learn from`, {
    hint: [...left].map(([from, why]) => `${from} ${why}`).join("; ") || "the label is its only column",
  });
}

/** What the columns are to the model. */
interface Roles extends Pick<SpecParts, "label" | "time" | "id" | "fields" | "left"> {
  /** Fields that determine the label, and are kept because there are no others. */
  readonly telling: readonly string[];
}

interface RoleOptions extends Pick<DraftOptions, "label" | "positive" | "tower"> {
  /** Columns and members that list several items. */
  readonly lists: readonly string[];
  /** Columns have no names. */
  readonly nameless: boolean;
}

function rolesOf(facts: readonly Facts[], options: RoleOptions): Roles {
  const { nameless } = options;
  const label = labelOf(facts, options);
  const time = timeOf(facts);
  const id = facts.find((one) => one.from !== time?.from && isId(one))?.from ?? null;
  const taken = new Set([label.from, time?.from, id]);
  const rest = facts.filter(({ from }) => !taken.has(from));
  const positives = facts.find(({ from }) => from === label.from)!.values.map((value) => label.is(textOf(value)));
  const telling = new Set(rest.filter((one) => tellsLabel(one, positives)).map(({ from }) => from));
  const readable = rest.filter(({ shape }) => options.tower !== "lr" || shape !== "vector");
  const unread = rest.filter((one) => !readable.includes(one));
  const careful = fieldsOf(readable, telling, { unread, nameless });
  if (careful.fields.length > 0) return { label, time, id, ...careful, telling: [] };
  // A toy's only column determines its label: better a model of it than none.
  const { fields, left } = fieldsOf(readable, new Set(), { unread, nameless });
  return { label, time, id, fields, left, telling: fields.map(({ from }) => from) };
}

const isId = ({ from, values, distinct, present, shape }: Facts) =>
  IDS.test(lastName(from)) && present > 1 && present === values.length && distinct === present && shape !== "list";

/**
 * @param unread columns that the tower has no input for
 * @param nameless columns have no names
 */
function fieldsOf(
  columns: readonly Facts[],
  telling: ReadonlySet<string>,
  { unread, nameless }: { readonly unread: readonly Facts[]; readonly nameless: boolean },
): Pick<Roles, "fields" | "left"> {
  const fields: DraftField[] = [];
  const left = new Map(unread.map(({ from }) => [from, "is a vector, which lr does not read"]));
  const names = new Set<string>();
  const lists = columnsOfLists(columns.filter(({ from }) => !telling.has(from)));
  const tables = tablesOf(new Set(lists.values()));
  for (const facts of columns) {
    const { from } = facts;
    const found = telling.has(from)
      ? { left: "determines the label, so it is probably known only afterwards" }
      : fieldOf(facts, { isListed: tables.has(from), nameless });
    const table = tables.get(lists.get(from) ?? from);
    if ("left" in found) left.set(from, found.left);
    else fields.push({ name: unlike(nameOf(from), names), from, facts, ...found, ...(table && { table }) });
  }
  return { fields, left };
}

/** Tables of columns that have one in common with lists. */
function tablesOf(columns: ReadonlySet<string>): ReadonlyMap<string, string> {
  const names = new Set(commonTables);
  return new Map([...columns].map((from) => [from, unlike(nameOf(from).replaceAll(".", "_"), names)]));
}

/** Turns a text into a name that a spec accepts. */
function nameOf(text: string): string {
  const plain = text.replace(/[^\w.-]+/g, "_");
  return (/^[A-Za-z_]/.test(plain) ? plain : `f_${plain}`).slice(0, 60);
}

function unlike(name: string, names: Set<string>): string {
  let found = name;
  for (let i = 2; names.has(found); i++) found = `${name}_${i}`;
  names.add(found);
  return found;
}

function columnsOf(facts: readonly Facts[], { label, time, id, fields, left }: Roles): DraftColumn[] {
  return facts.map(({ from }) => {
    const field = fields.find((one) => one.from === from);
    if (field) return { from, role: "field", type: field.type, why: field.why };
    if (from === label.from) return { from, role: "label", type: null, why: label.why };
    if (from === time?.from)
      return { from, role: "time", type: null, why: time.unit ? `numbers, in ${time.unit}` : "dates" };
    if (from === id) return { from, role: "id", type: null, why: "identifies the event" };
    return { from, role: "left_out", type: null, why: left.get(from)! };
  });
}
