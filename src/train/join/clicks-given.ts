import { HashbrookError } from "../../core/errors.js";
import { isCacheName } from "../../event-cache/names.js";
import type { TopicStart } from "../../sources/kafka/open-topic.js";
import type { CompiledSpec } from "../../spec/compiled.js";
import type { ClicksSpec, Job } from "../job.js";
import type { TrainOptions } from "../train.js";

/** How long a partition of clicks may be silent before it is treated as quiet, in ms. */
const QUIET_MS = 10_000;

/** Options that say where events and clicks are, and those that clicks do not go with. */
type ClickOptions = Partial<
  Pick<
    TrainOptions,
    | "data"
    | "topic"
    | "clicks"
    | "clicksTopic"
    | "conversions"
    | "conversionsTopic"
    | "quietMs"
    | "validate"
    | "validateLast"
    | "epochs"
  >
>;

/**
 * The source of clicks given by `clicks` or `clicksTopic`; null: events contain their labels. @throws usage if there is
 * nothing to join with
 */
export function clicksOf(spec: CompiledSpec, options: ClickOptions): ClicksSpec | null {
  const problem = contradiction(spec, options);
  if (problem) throw new HashbrookError("usage", problem.message, { hint: problem.hint });
  if (options.clicks !== undefined) return clickFiles(spec, options, options.clicks);
  if (options.clicksTopic !== undefined) return clickTopics(spec, options, options.clicksTopic);
  return null;
}

/** What is wrong with the options, and the remedy; null: nothing. */
function contradiction(spec: CompiledSpec, options: ClickOptions): { message: string; hint: string } | null {
  const { clicks, clicksTopic, conversions, conversionsTopic, topic, validate, validateLast, epochs = 1 } = options;
  const converted = conversions !== undefined || conversionsTopic !== undefined;
  if (converted && !spec.join?.conversions)
    return {
      message: "--conversions: the spec has no join.conversions",
      hint: "describe conversions in the spec, or leave --conversions out",
    };
  if (clicks === undefined && clicksTopic === undefined)
    return converted
      ? { message: "--conversions: requires clicks", hint: "add --clicks FILES or --clicks-topic T" }
      : null;
  if (!spec.join)
    return { message: "--clicks: the spec has no join", hint: "describe clicks in the spec: join: { clicks: ... }" };
  const mixed = clicks === undefined ? conversions !== undefined : conversionsTopic !== undefined;
  if ((clicks === undefined) === (topic === undefined) || mixed)
    return {
      message: "impressions, clicks and conversions must all come from files, or all from topics",
      hint: "use --data with --clicks and --conversions, or --topic with --clicks-topic and --conversions-topic",
    };
  if (validate?.length || validateLast != null || epochs > 1)
    return {
      message: "--clicks: not supported with several epochs or validation: impressions are learned in one pass",
      hint: "leave --epochs, --validate and --validate-last out",
    };
  if (spec.join.correct && topic && topic.onLost !== "stop")
    return {
      message: `--on-lost-offsets ${topic.onLost}: join.correct reads impressions twice, so none may be lost`,
      hint: "leave the flag out; if retention has deleted some, train into another --out directory",
    };
  return null;
}

function clickFiles(
  { join }: CompiledSpec,
  { data = [], conversions }: ClickOptions,
  clicks: string | readonly string[],
): ClicksSpec {
  const filesOf = (names: string | readonly string[]) => ({ files: [names].flat() });
  return {
    ...filesOf(clicks),
    ...(conversions && { conversions: filesOf(conversions) }),
    ...(join!.clicks.key && { shown: filesOf(data) }),
  };
}

function clickTopics({ join }: CompiledSpec, options: ClickOptions, clicksTopic: string): ClicksSpec {
  const { conversionsTopic = clicksTopic, quietMs = QUIET_MS } = options;
  const topic = options.topic!;
  const from = (name: string, what: string, start: TopicStart = { at: "earliest" }) => ({
    topic: { ...topic, topic: name, group: topic.group && `${topic.group}.${what}`, start },
    impressions: topic.topic,
    quietMs,
  });
  // "latest" moves on, but no impression to be learned may be missing.
  const start: TopicStart = topic.start.at === "latest" ? { at: "earliest" } : topic.start;
  return {
    ...from(clicksTopic, "clicks"),
    // Even from the same topic, they are read by a separate reader.
    ...(join!.conversions && { conversions: from(conversionsTopic, "conversions") }),
    ...(join!.clicks.key && { shown: from(topic.topic, "shown", start) }),
  };
}

/** Checks that impressions have clicks, and that inputs to be read again can be. @throws usage */
export function checkLabelled({ spec, clicks, data }: Job): void {
  if (spec.join && clicks === null) throw unlabelled(spec);
  const again = spec.join?.correct ? "join.correct" : spec.label.key && "join.key";
  if (again && data.some(isCacheName))
    throw new HashbrookError(
      "usage",
      `--data cache: not supported with ${again}, which reads impressions twice, as text`,
      {
        hint: "pass the files it was made from",
      },
    );
}

function unlabelled({ name }: CompiledSpec): HashbrookError {
  return new HashbrookError("usage", `${name}: its labels come from clicks, but none are given`, {
    hint: "add --clicks FILES or --clicks-topic T",
  });
}
