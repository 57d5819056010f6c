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

const CONVERSIONS = "An impression is positive that was clicked and then converted: how a conversion is written.";
const { window, lateness, skew } = defaults.join;
const { format, columns, header, separator, null_values, numbers_as_strings, schema } = Events.properties;
const duration = (description: string, value: string) =>
  optional(Type.Union([text(description), Type.Number({ minimum: 0, description })], { description, default: value }));

const labels = (what: string, id: string) =>
  Type.Object(
    {
      format,
      columns,
      header,
      separator,
      null_values,
      numbers_as_strings,
      schema,
      id: text(id),
      time: Time,
      type: optional(messageType(what)),
    },
    { ...closed, description: what === "clicks" ? "How a click is written." : CONVERSIONS },
  );

/** A spec's `join`. */
export const Join = Type.Object(
  {
    clicks: labels("clicks", "Where the id of the clicked impression is."),
    conversions: optional(labels("conversions", "Where the id of the impression is, as in clicks.")),
    window: duration("A click counts when it came within so long after its impression (15m, 1d).", window),
    lateness: duration("How much older than its newest one a stream's clicks may be; older ones are late.", lateness),
    correct: optional(Correct),
    skew: duration("A click counts when it is told to have come at most so long before its impression.", skew),
  },
  { ...closed, description: "Events are impressions; their labels come from a stream of clicks." },
);

/** Resolves `join`; nothing where it is not given. */
export function compileJoin(spec: ModelSpec, label: LabelSpec, problems: Problems): { join?: JoinSpec } {
  const written = spec.join;
  if (written === undefined) return {};
  checkLabel(label, problems);
  const correct = compileCorrect(written, problems);
  if (correct) checkCorrect(spec, correct, problems);
  return {
    join: {
      clicks: compileLabels(written.clicks, "join.clicks", problems),
      ...(written.conversions && {
        conversions: compileLabels(written.conversions, "join.conversions", problems),
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
  problems: Problems,
): LabelStreamSpec {
  const { id, type } = written;
  const events = compileEvents(written, problems, path);
  const time = compileTime(written.time, problems, `${path}.time`);
  checkSources(events, { id, time: time.from, "type.from": type?.from }, path, problems);
  return { events, id, time, ...compileType(type) };
}

/** A click names its impression, and counts by when both were. */
function checkLabel({ id, time, soft }: LabelSpec, problems: Problems): void {
  if (id === null) problems.add("join", "impressions have no id", "add label.id: clicks name their impression by it");
  if (time === null) problems.add("join", "impressions have no time", "add label.time");
  if (soft) problems.add("label.soft", "a joined label is a class", "remove it");
}

function checkSources(
  events: EventFormat,
  places: Readonly<Record<string, string | undefined>>,
  path: string,
  problems: Problems,
): void {
  const sources = new Sources(events, problems);
  if (hasFeatures(events.format))
    problems.add(`${path}.format`, `${events.format} text has no times`, "tsv, csv or json");
  for (const [key, place] of Object.entries(places)) if (place !== undefined) sources.check(place, `${path}.${key}`);
}
