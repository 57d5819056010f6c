import { closed, optional, text } from "../schema/basics.js";
import type { Problems } from "../schema/problems.js";
import { Type } from "../schema/typebox.js";
import { type EventFormat, hasFeatures, type JoinSpec, type LabelSpec } from "./compiled.js";
import { Correct, checkCorrect, compileCorrect } from "./correct.js";
import { defaults } from "./defaults.js";
import { milliseconds } from "./durations.js";
import type { ModelSpec } from "./schema.js";
import { Events, messageType, Time } from "./schema-events.js";
import { compileEvents, compileType, Sources } from "./sources.js";
import { compileTime } from "./time.js";

const { window, lateness, skew } = defaults.join;
const { format, columns, header, separator, null_values, numbers_as_strings, schema } = Events.properties;
const duration = (description: string, value: string) =>
  optional(Type.Union([text(description), Type.Number({ minimum: 0, description })], { description, default: value }));

/** A spec's `join`. */
export const Join = Type.Object(
  {
    clicks: Type.Object(
      {
        format,
        columns,
        header,
        separator,
        null_values,
        numbers_as_strings,
        schema,
        id: text("Where the id of the clicked impression is."),
        time: Time,
        type: optional(messageType("clicks")),
      },
      { ...closed, description: "How a click is written." },
    ),
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
  const { clicks } = written;
  const events = compileEvents(clicks, problems, "join.clicks");
  const time = compileTime(clicks.time, problems, "join.clicks.time");
  checkSources(events, { id: clicks.id, time: time.from, "type.from": clicks.type?.from }, problems);
  const correct = compileCorrect(written, problems);
  if (correct) checkCorrect(spec, correct, problems);
  return {
    join: {
      clicks: { events, id: clicks.id, time, ...compileType(clicks.type) },
      window: correct?.ages.at(-1) ?? milliseconds("join.window", written.window ?? window, problems, true),
      lateness: milliseconds("join.lateness", written.lateness ?? lateness, problems),
      skew: milliseconds("join.skew", written.skew ?? skew, problems),
      ...(correct ? { correct } : {}),
    },
  };
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
  problems: Problems,
): void {
  const sources = new Sources(events, problems);
  if (hasFeatures(events.format))
    problems.add("join.clicks.format", `${events.format} text has no times`, "tsv, csv or json");
  for (const [key, place] of Object.entries(places))
    if (place !== undefined) sources.check(place, `join.clicks.${key}`);
}
