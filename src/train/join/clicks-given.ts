import { HashbrookError } from "../../core/errors.js";
import { isCacheName } from "../../event-cache/names.js";
import type { TopicStart } from "../../sources/kafka/open-topic.js";
import type { CompiledSpec } from "../../spec/compiled.js";
import type { ClicksSpec, Job } from "../job.js";
import type { EvaluateOptions, TrainOptions } from "../run.js";

/** How long a partition of clicks may be silent before it is treated as quiet, in ms. */
const QUIET_MS = 10_000;

/** Options that say where clicks are. */
type Given = TrainOptions | Pick<EvaluateOptions, "data" | "clicks" | "conversions">;

/**
 * The source of clicks given by `clicks` or `clicksTopic`; null: events contain their labels. @throws usage if there is
 * nothing to join with
 */
export function clicksOf(spec: CompiledSpec, options: Given): ClicksSpec | null {
  const {
    clicks,
    clicksTopic,
    conversions,
    conversionsTopic,
    quietMs = QUIET_MS,
    topic,
    validate,
    validateLast,
    epochs = 1,
  } = options as TrainOptions;
  const refuse = (message: string, hint: string) => new HashbrookError("usage", message, { hint });
  const converted = conversions !== undefined || conversionsTopic !== undefined;
  if (converted && !spec.join?.conversions)
    throw refuse(
      "--conversions: the spec has no join.conversions",
      "say in it how conversions are written, or leave it away",
    );
  if (clicks === undefined && clicksTopic === undefined) {
    if (converted) throw refuse("--conversions: clicks are wanted, too", "add --clicks FILES or --clicks-topic T");
    return null;
  }
  if (!spec.join)
    throw refuse("--clicks: the spec has no join", "say in it how clicks are written: join: { clicks: ... }");
  const mixed = clicks === undefined ? conversions !== undefined : conversionsTopic !== undefined;
  if ((clicks === undefined) === (topic === undefined) || mixed)
    throw refuse(
      "clicks, conversions and impressions are in files, or all in topics",
      "--data with --clicks and --conversions, --topic with --clicks-topic and --conversions-topic",
    );
  if (validate?.length || validateLast != null || epochs > 1)
    throw refuse(
      "--clicks: impressions are learned in one pass",
      "leave --epochs, --validate and --validate-last away",
    );
  if (spec.join.correct && topic && topic.onLost !== "stop")
    throw refuse(
      `--on-lost-offsets ${topic.onLost}: join.correct reads impressions again, and none may be lost`,
      "leave it away; where retention has deleted some, train into another --out directory",
    );
  const { key } = spec.join.clicks;
  const files = (names: string | readonly string[]) => ({ files: typeof names === "string" ? [names] : names });
  if (clicks !== undefined)
    return {
      ...files(clicks),
      ...(conversions && { conversions: files(conversions) }),
      ...(key && { shown: files(options.data ?? []) }),
    };
  const from = (name: string, what: string, start: TopicStart = { at: "earliest" }) => ({
    topic: { ...topic!, topic: name, group: topic!.group && `${topic!.group}.${what}`, start },
    impressions: topic!.topic,
    quietMs,
  });
  // Even from the same topic, they are read by a separate reader.
  const own = spec.join.conversions && { conversions: from(conversionsTopic ?? clicksTopic!, "conversions") };
  const { start } = topic!;
  // "latest" moves on, but no impression to be learned may be missing.
  const shown = key && from(topic!.topic, "shown", start.at === "latest" ? { at: "earliest" } : start);
  return { ...from(clicksTopic!, "clicks"), ...own, ...(shown && { shown }) };
}

/** Checks that impressions have clicks, and that inputs to be read again can be. @throws usage */
export function checkLabelled({ spec, clicks, data }: Job): void {
  if (spec.join && clicks === null) throw unlabelled(spec);
  const again = spec.join?.correct ? "join.correct" : spec.label.key && "join.key";
  if (again && data.some(isCacheName))
    throw new HashbrookError("usage", `--data cache: impressions that ${again} reads again are read as text`, {
      hint: "give the files that it was made of",
    });
}

function unlabelled({ name }: CompiledSpec): HashbrookError {
  return new HashbrookError("usage", `${name}: its labels come from clicks, and none are given`, {
    hint: "name the files of clicks, --clicks FILES, or their topic, --clicks-topic T",
  });
}
