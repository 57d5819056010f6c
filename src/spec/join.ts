import { closed, optional, text } from "../schema/basics.js";
import type { Problems } from "../schema/problems.js";
import { Type } from "../schema/typebox.js";
import { type EventFormat, hasFeatures, type JoinSpec, type LabelSpec, type LabelStreamSpec } from "./compiled.js";
import { Correct, checkCorrect, compileCorrect } from "./correct.js";
import { defaults } from "./defaults.js";
import { milliseconds } from "./durations.js";
import type { ModelSpec } from "./schema.js";
import { Events, messageType, Time } from "./schema-events.js";
import { compileEvents, compileType, Sources } from "./sources.js";
import { compileTime } from "./time.js";

const CONVERSIONS =
  "The format of conversions. If given, an impression is positive if it was clicked and then converted.";
const { window, lateness, skew } = defaults.join;
const { format, columns, header, separator, trim, null_values, numbers_as_strings } = Events.properties;
const { schema, message, within, envelope } = Events.properties;
const duration = (description: string, value: string) =>
  optional(Type.Union([text(description), Type.Number({ minimum: 0, description })], { description, default: value }));

/** Maximum number of values in a key. */
export const MOST_KEYS = 16;
const key = (description: string) =>
  optional(
    Type.Array(Type.String({ minLength: 1 }), { minItems: 1, maxItems: MOST_KEYS, uniqueItems: true, description }),
  );

const labels = (what: string, id: string) =>
  Type.Object(
    {
      format,
      columns,
      header,
      separator,
      trim,
      null_values,
      numbers_as_strings,
      schema,
      message,
      within,
      envelope,
      id: optional(text(id)),
      key: key("Columns or paths of the values of join.key. Default: the same as for impressions."),
      time: Time,
      type: optional(messageType(what)),
    },
    { ...closed, description: what === "clicks" ? "The format of clicks." : CONVERSIONS },
  );

/** A spec's `join`. */
export const Join = Type.Object(
  {
    clicks: labels("clicks", "Column or path of the clicked impression's id."),
    key: key(
      "Columns or paths that identify an impression instead of an id ([user, item]): a click belongs to the last impression before it with the same values.",
    ),
    conversions: optional(labels("conversions", "Column or path of the impression's id, as for clicks.")),
    window: duration("Maximum time from an impression to a click that counts (15m, 1d).", window),
    lateness: duration(
      "Maximum age of a click relative to the newest one of its stream; older ones are late and are ignored.",
      lateness,
    ),
    correct: optional(Correct),
    skew: duration(
      "Maximum time by which a click's timestamp may precede its impression's, because of differing clocks.",
      skew,
    ),
  },
  { ...closed, description: "Events are impressions, whose labels come from a stream of clicks." },
);

/** Resolves `join`; nothing if absent. */
export function compileJoin(spec: ModelSpec, label: LabelSpec, problems: Problems): { join?: JoinSpec } {
  const written = spec.join;
  if (written === undefined) return {};
  checkLabel(label, problems);
  if (written.key) checkKey(written, label, problems);
  const correct = compileCorrect(written, problems);
  if (correct) checkCorrect(spec, correct, problems);
  return {
    join: {
      clicks: compileLabels(written.clicks, "join.clicks", written.key, problems),
      ...(written.conversions && {
        conversions: compileLabels(written.conversions, "join.conversions", undefined, problems),
      }),
      window: correct?.ages.at(-1) ?? milliseconds("join.window", written.window ?? window, problems, true),
      lateness: milliseconds("join.lateness", written.lateness ?? lateness, problems),
      skew: milliseconds("join.skew", written.skew ?? skew, problems),
      ...(correct ? { correct } : {}),
    },
  };
}

function compileLabels(
  written: NonNullable<ModelSpec["join"]>["clicks"],
  path: string,
  key: readonly string[] | undefined,
  problems: Problems,
): LabelStreamSpec {
  const { type } = written;
  const events = compileEvents(written, problems, path);
  const time = compileTime(written.time, problems, `${path}.time`);
  const ties = compileTies(written, path, key, problems);
  const keys = Object.fromEntries((ties.key ?? []).map((part, i) => [`key[${i}]`, part]));
  checkSources(events, { id: ties.id ?? undefined, ...keys, time: time.from, "type.from": type?.from }, path, problems);
  return { events, ...ties, time, ...compileType(type) };
}

/** How a click refers to its impression: by an id, or by the values of the join's key. */
function compileTies(
  { id, key: own }: Pick<NonNullable<ModelSpec["join"]>["clicks"], "id" | "key">,
  path: string,
  key: readonly string[] | undefined,
  problems: Problems,
): Pick<LabelStreamSpec, "id" | "key"> {
  if (!key) {
    if (own)
      problems.add(
        `${path}.key`,
        "requires join.key, which is missing",
        "add join.key: the impressions' columns or paths of these values",
      );
    if (id === undefined)
      problems.add(
        path,
        '"id" is missing',
        "add id: column or path of the impression's id; or add join.key: values that both have",
      );
    return { id: id ?? null };
  }
  if (id !== undefined)
    problems.add(
      `${path}.id`,
      "cannot be used with join.key, which also identifies the impression",
      "remove it, or remove join.key",
    );
  if (own && own.length !== key.length)
    problems.add(
      `${path}.key`,
      `must have ${key.length} values, as join.key, got ${own.length}`,
      "give the same values in the same order",
    );
  return { id: null, key: own ?? key };
}

/** Clicks need an id or key for their impression, and both need a time. */
function checkLabel({ id, key, time, soft }: LabelSpec, problems: Problems): void {
  if (id === null && key === undefined)
    problems.add(
      "join",
      "impressions have no id",
      "add label.id, by which clicks refer to impressions; or add join.key",
    );
  if (time === null) problems.add("join", "impressions have no time", "add label.time");
  if (soft)
    problems.add("label.soft", "cannot be used with a join: a joined label is a class, not a probability", "remove it");
}

/** With a key, the last impression before a click is known once impressions beyond it have been read. */
function checkKey(
  { key = [], conversions, correct }: NonNullable<ModelSpec["join"]>,
  { id }: LabelSpec,
  problems: Problems,
): void {
  if (id !== null)
    problems.add(
      "join.key",
      "cannot be used with an id of impressions: clicks refer to impressions by one of the two",
      "remove it, or remove the id",
    );
  if (new Set(key).size < key.length) problems.add("join.key", "lists a value twice", "list each value once");
  if (conversions)
    problems.add(
      "join.conversions",
      "cannot be used with join.key: clicks have no id that a conversion could refer to",
      "remove it, and write conversions to the stream of clicks",
    );
  if (correct)
    problems.add(
      "join.correct",
      "cannot be used with join.key, for which impressions must wait for later ones",
      "remove it, or join by an id",
    );
}

function checkSources(
  events: EventFormat,
  places: Readonly<Record<string, string | undefined>>,
  path: string,
  problems: Problems,
): void {
  const sources = new Sources(events, problems);
  if (hasFeatures(events.format))
    problems.add(`${path}.format`, `${events.format} has no event times`, "use tsv, csv or json");
  for (const [key, place] of Object.entries(places)) if (place !== undefined) sources.check(place, `${path}.${key}`);
}
