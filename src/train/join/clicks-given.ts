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
      "describe conversions in the spec, or leave --conversions out",
    );
  if (clicks === undefined && clicksTopic === undefined) {
    if (converted) throw refuse("--conversions: requires clicks", "add --clicks FILES or --clicks-topic T");
    return null;
  }
  if (!spec.join) throw refuse("--clicks: the spec has no join", "describe clicks in the spec: join: { clicks: ... }");
  const mixed = clicks === undefined ? conversions !== undefined : conversionsTopic !== undefined;
  if ((clicks === undefined) === (topic === undefined) || mixed)
    throw refuse(
      "impressions, clicks and conversions must all come from files, or all from topics",
      "use --data with --clicks and --conversions, or --topic with --clicks-topic and --conversions-topic",
    );
  if (validate?.length || validateLast != null || epochs > 1)
    throw refuse(
      "--clicks: not supported with several epochs or validation: impressions are learned in one pass",
      "leave --epochs, --validate and --validate-last out",
    );
  if (spec.join.correct && topic && topic.onLost !== "stop")
    throw refuse(
      `--on-lost-offsets ${topic.onLost}: join.correct reads impressions twice, so none may be lost`,
      "leave the flag out; if retention has deleted some, train into another --out directory",
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
