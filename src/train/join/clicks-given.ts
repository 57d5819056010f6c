import { HashbrookError } from "../../core/errors.js";
import { isCacheName } from "../../event-cache/names.js";
import type { CompiledSpec } from "../../spec/compiled.js";
import type { ClicksSpec, Job } from "../job.js";
import type { EvaluateOptions, TrainOptions } from "../run.js";

/** How long a partition of clicks may tell nothing before it is passed over, in ms. */
const QUIET_MS = 10_000;

/** Where `clicks` or `clicksTopic` says that clicks are. @throws usage where nothing can be joined with them */
export function clicksOf(spec: CompiledSpec, options: TrainOptions | EvaluateOptions): ClicksSpec | null {
  const {
    clicks,
    clicksTopic,
    quietMs = QUIET_MS,
    topic,
    validate,
    validateLast,
    epochs = 1,
  } = options as TrainOptions;
  if (clicks === undefined && clicksTopic === undefined) return null;
  const refuse = (message: string, hint: string) => new HashbrookError("usage", message, { hint });
  if (!spec.join)
    throw refuse("--clicks: the spec has no join", "say in it how clicks are written: join: { clicks: ... }");
  if ((clicks === undefined) === (topic === undefined))
    throw refuse(
      "clicks and impressions are in files, or both in topics",
      "--data with --clicks, --topic with --clicks-topic",
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
  if (clicks !== undefined) return { files: typeof clicks === "string" ? [clicks] : clicks };
  return {
    topic: {
      ...topic!,
      topic: clicksTopic!,
      group: topic!.group && `${topic!.group}.clicks`,
      start: { at: "earliest" },
    },
    impressions: topic!.topic,
    quietMs,
  };
}

/** Impressions have clicks, and those that are read again can be. @throws usage */
export function checkLabelled({ spec, clicks, data }: Job): void {
  if (spec.join && clicks === null) throw unlabelled(spec);
  if (spec.join?.correct && data.some(isCacheName))
    throw new HashbrookError("usage", "--data cache: impressions that join.correct reads again are read as text", {
      hint: "give the files that it was made of",
    });
}

function unlabelled({ name }: CompiledSpec): HashbrookError {
  return new HashbrookError("usage", `${name}: its labels come from clicks, and none are given`, {
    hint: "name the files of clicks, --clicks FILES, or their topic, --clicks-topic T",
  });
}
