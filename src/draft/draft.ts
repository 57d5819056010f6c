import { basename } from "node:path";
import { HashbrookError } from "../core/errors.js";
import { isRepeatable } from "../sources/source.js";
import { parseSpec } from "../spec/parse.js";
import { type CheckReport, check } from "../train/check.js";
import { type Column, type Facts, factsOf, textOf } from "./column.js";
import { type DraftField, fieldOf } from "./fields.js";
import { labelOf } from "./label.js";
import { tellsLabel } from "./leak.js";
import { firstLines } from "./sample.js";
import { specText } from "./spec-text.js";
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
const IDS = /^(id|event_?id|request_?id|impression_?id|imp_?id|uuid|row_?id)$/i;

/**
 * Drafts a model spec from the first events of some data: detects their format (delimited columns or JSON, and so
 * Parquet, Arrow and Avro files), finds label, time and id, and gives every other column a type and a table. The spec
 * compiles, and is a starting point to be corrected by hand.
 * @throws HashbrookError usage if the label cannot be determined, or no column is left to learn from; source_missing,
 * source_unreadable
 */
export async function draftSpec(options: DraftOptions): Promise<Draft> {
  const { rows = ROWS, tower = "deep_crossing" } = options;
  const data = typeof options.data === "string" ? [options.data] : options.data;
  const sample = await firstLines(data, rows + 1);
  const events = eventsOf(sample, rows);
  if (events.rows === 0)
    throw new HashbrookError("source_unreadable", `${sample.file}: no event is in it`, {
      hint: "its first line names columns; give a file that has events below",
    });
  const facts = events.columns.map(factsOf);
  const label = labelOf(facts, options.label, options.positive);
  const time = timeOf(events.columns, facts, events.rows);
  const id = facts.find((one) => one.from !== time?.from && isId(one, events.rows))?.from ?? null;
  const roles = new Set([label.from, time?.from, id]);
  const positives = valuesOf(events.columns, label.from).map((value) => label.is(textOf(value)));
  const rest = events.columns.filter(({ from }) => !roles.has(from));
  const careful = fieldsOf(rest, facts, positives);
  // A toy's only column tells its label: better a model of it than none.
  const { fields, left } = careful.fields.length > 0 ? careful : fieldsOf(rest, facts, []);
  if (fields.length === 0)
    throw new HashbrookError("usage", `${sample.file}: no column is left to learn from`, {
      hint: [...left].map(([from, why]) => `${from} ${why}`).join("; ") || "the label is its only column",
    });
  const name = options.name ?? nameOf(basename(sample.file));
  const spec = specText({ name, tower, events, label, time, id, fields, left, small: sample.whole });
  const compiled = parseSpec(spec, "draft.yaml");
  const columns = columnsOf(facts, { label, time, id, fields, left });
  const notes = [
    ...(fields === careful.fields
      ? []
      : fields.map(({ from }) => `${from} tells the label: is it known before the click?`)),
    ...(time && !time.ascends
      ? [
          `events are not in the order of ${time.from}: sort them before training, for every event is scored before it is learned`,
        ]
      : []),
    ...events.unnamed.map(
      (path) => `${path}: no spec can name this member (an empty name, a dot, objects in a list), so it is left out`,
    ),
  ];
  const found = isRepeatable(data) ? await check({ model: compiled, data, rows }) : null;
  return { spec, rows: events.rows, columns, notes, check: found };
}

const isId = ({ from, distinct, present, shape }: Facts, rows: number) =>
  IDS.test(from.slice(from.lastIndexOf(".") + 1)) &&
  rows > 1 &&
  present === rows &&
  distinct === rows &&
  shape !== "list";

interface Roles {
  readonly label: { readonly from: string; readonly why: string };
  readonly time: { readonly from: string; readonly unit: string | null } | null;
  readonly id: string | null;
  readonly fields: readonly DraftField[];
  readonly left: ReadonlyMap<string, string>;
}

const valuesOf = (columns: readonly Column[], from: string) => columns.find((column) => column.from === from)!.values;

function fieldsOf(
  columns: readonly Column[],
  facts: readonly Facts[],
  positives: readonly boolean[],
): Pick<Roles, "fields" | "left"> {
  const fields: DraftField[] = [];
  const left = new Map<string, string>();
  const names = new Set<string>();
  for (const column of columns) {
    const { from } = column;
    const its = facts.find((one) => one.from === from)!;
    const found = tellsLabel(column, its, positives)
      ? { left: "tells the label, as what is known only afterwards does" }
      : fieldOf(its, column);
    if ("left" in found) left.set(from, found.left);
    else fields.push({ name: unlike(nameOf(from), names), from, facts: its, ...found });
  }
  return { fields, left };
}

/** Turns a text into a name that a spec accepts. */
function nameOf(text: string): string {
  const plain = text
    .replace(/(\.(csv|tsv|txt|json|jsonl|ndjson|parquet|arrow|avro|gz|zst))+$/i, "")
    .replace(/[^\w.-]+/g, "_");
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
    if (from === id) return { from, role: "id", type: null, why: "names the event" };
    return { from, role: "left_out", type: null, why: left.get(from)! };
  });
}
