import { basename } from "node:path";
import { checkArguments } from "../core/arguments.js";
import { HashbrookError } from "../core/errors.js";
import { inputsFor } from "../sources/source.js";
import { parseSpec } from "../spec/parse.js";
import { type CheckReport, check } from "../train/check/check.js";
import { type Facts, factsOf } from "./column.js";
import { eventsOf } from "./events.js";
import type { DraftField } from "./fields.js";
import { labelledLists } from "./label.js";
import { nameOf } from "./names.js";
import { notesOf } from "./notes.js";
import { type Roles, rolesOf } from "./roles.js";
import { firstLines } from "./sample.js";
import { specText } from "./spec-text.js";

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
  /** Number of events to read. Default 50,000. */
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
  /**
   * Passes over the data to train with, some of it held out: 10 if the sample is all of the data and none of its columns
   * has many values, else 1.
   */
  readonly passes: 1 | 10;
  /** The same events checked against the spec; null if the data can be read only once. */
  readonly check: CheckReport | null;
}

/** The towers that a draft can have. */
export const draftTowers = ["deep_crossing", "lr"] as const;

const ROWS = 50_000;
/** Of data with at most this many events, all in the sample, a model learns more with a longer warm-up. */
const FEW_EVENTS = 10_000;
/** Tables of columns that have few values: a second pass memorises ids. */
const FEW_VALUES = new Set(["context", "numbers"]);
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
    tower: draftTowers,
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
  const spec = specText({ name, tower, events, small: whole && events.rows <= FEW_EVENTS, ...roles });
  const compiled = parseSpec(spec, "the draft");
  const again = inputsFor(data).every(({ repeatable }) => repeatable);
  return {
    spec,
    rows: events.rows,
    columns: columnsOf(facts, roles),
    notes: notesOf({ facts, ...roles, unnamed: events.unnamed }),
    passes: again && whole && tower !== "lr" && compiled.tables.every(({ name }) => FEW_VALUES.has(name)) ? 10 : 1,
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
