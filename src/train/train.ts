import { checkArguments, following, refuseMisspelt } from "../core/arguments.js";
import { defaultSnapshotEvery } from "../delta-log/defaults.js";
import type { SpecWarning } from "../schema/problems.js";
import type { TopicSpec } from "../sources/kafka/open-topic.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { withLanes } from "../spec/lanes.js";
import { loadSpec } from "../spec/parse.js";
import { decodeOnce } from "./files/decode-once.js";
import { refuseUnreadable } from "./files/named-files.js";
import type { Job, PublishSpec } from "./job.js";
import { checkLabelled, clicksOf } from "./join/clicks-given.js";
import type { LanesGiven } from "./lanes/pipeline.js";
import { refuseForLanes } from "./lanes/refused.js";
import type { Report } from "./metrics/report.js";
import { sliceSource } from "./metrics/slice-names.js";
import { defaultSettings, type Given, type TrainSettings } from "./settings.js";
import { type StreamOptions, streamJob } from "./stream-job.js";
import { validationFiles } from "./validation/validation-files.js";
import { runPipeline } from "./workers/pipeline.js";
import { refuseWrittenTopics } from "./written-topics.js";

/** What to learn, from what, and how to keep it. */
export interface TrainOptions extends StreamOptions, Given<TrainSettings> {
  /** Learn from a Kafka topic instead of `data`. */
  readonly topic?: TopicSpec | undefined;
  /** Lanes of a spec that has none (`train.lanes`). */
  readonly lanes?: number | undefined;
  /**
   * Publish changes as a delta log that scorers follow: directories or kafka://HOST:PORT/TOPIC. Every second by default, f32, a
   * snapshot every 600 entries.
   */
  readonly publish?: Partial<PublishSpec> | undefined;
  /** Rejected events also go to this Kafka topic. */
  readonly deadLetters?: Job["deadLetters"] | undefined;
  /** Keep clicks that label nothing in DIR/rejected/late.jsonl, and in a topic if one is given. */
  readonly unused?: Job["unused"] | undefined;
  /** Path of a model spec (features/*.yaml), or a compiled one. */
  readonly model: string | CompiledSpec;
  /** Called for everything in the model spec that is valid but rarely meant. */
  readonly onSpecWarning?: ((warning: SpecWarning) => void) | undefined;
  /** Called with notes on unusual handling of the data, such as decoding them once for several epochs, into the run's directory. */
  readonly onNote?: ((note: string) => void) | undefined;
  /** Directory of the run: checkpoints and rejected rows. */
  readonly out: string;
  /** Files of clicks, in order: they label the events of `data` if the spec has a `join`. */
  readonly clicks?: string | readonly string[] | undefined;
  /** A topic of clicks, on the brokers of `topic`: they label its events. */
  readonly clicksTopic?: string | undefined;
  /** Files of conversions if the spec has `join.conversions`. Default: they are among the clicks. */
  readonly conversions?: string | readonly string[] | undefined;
  /** A topic of conversions, on the brokers of `topic`. Default: that of the clicks. */
  readonly conversionsTopic?: string | undefined;
  /** A partition of clicks in which nothing arrived for this long (ms) holds up no impression, if others are active. Default 10,000. */
  readonly quietMs?: number | undefined;
  /** Files scored after every epoch and never learned; with `validateLast`, an error. */
  readonly validate?: string | readonly string[] | undefined;
}

/** Options of one of several processes that work a topic's lanes. */
export interface LanesTrainOptions extends TrainOptions, LanesGiven {}

/** The kinds of the options; settings and `lanes` are checked where they are used. */
const takes = {
  model: "spec",
  out: "path",
  data: "?files",
  topic: "?topic",
  validate: "?files",
  clicks: "?files",
  clicksTopic: "?text",
  conversions: "?files",
  conversionsTopic: "?text",
  quietMs: "?duration",
  publish: "?publish",
  deadLetters: "?letters",
  unused: "?unused",
  follower: "?port",
  onSpecWarning: "?function",
  onNote: "?function",
  ...following,
} as const satisfies Record<Exclude<keyof TrainOptions, keyof TrainSettings | "lanes">, string>;

/** Trains a model on a stream of events, scoring each event before learning it, and returns the final report. */
export async function train(options: TrainOptions): Promise<Report> {
  refuseMisspelt("train", Object(options), ["lanes", ...Object.keys(takes), ...Object.keys(defaultSettings)]);
  const job = trainJob(options);
  if (job.spec.lanes && job.topic) {
    return (await lanesOf(job, null, options))!;
  }
  const decoded = await decodeOnce(job, options);
  try {
    return await runPipeline(decoded?.job ?? job, options);
  } finally {
    decoded?.remove();
  }
}

/**
 * Runs one of the processes that work a topic's lanes.
 * @returns the final report in the first process; null in the others
 * @throws HashbrookError as `train`; lanes_diverged, lanes_displaced, lanes_cut_off
 */
export async function trainLanes(options: LanesTrainOptions): Promise<Report | null> {
  checkArguments("trainLanes", options, { model: "spec", out: "path" });
  const { owner, owners = owner?.of ?? null } = options;
  return lanesOf(trainJob(options, true, owners), options, options);
}

async function lanesOf(job: Job, given: LanesGiven | null, options: TrainOptions): Promise<Report | null> {
  if (job.spec.label.id_window !== undefined)
    options.onNote?.("lanes do not deduplicate event ids: an event that is delivered twice is learned twice");
  const { runLanesPipeline } = await import("./lanes/pipeline.js");
  return runLanesPipeline(job, given, options);
}

/**
 * The job for the threads of a training run.
 * @param shared several processes work its lanes
 * @param owners number of processes that hold the shards of its tables
 * @throws usage
 */
export function trainJob(options: TrainOptions, shared = false, owners: number | null = null): Job {
  checkArguments("train", options, takes);
  const given = typeof options.model === "string" ? loadSpec(options.model, options.onSpecWarning) : options.model;
  const spec = options.lanes === undefined ? given : withLanes(given, options.lanes, options.onSpecWarning);
  const job: Job = {
    ...streamJob("train", spec, options),
    topic: options.topic ?? null,
    publish: publishSpec(options),
    deadLetters: options.deadLetters ?? null,
    unused: options.unused ?? null,
    out: options.out,
    kept: sliceSource(spec),
    validate: validationFiles(options),
    clicks: clicksOf(spec, options),
  };
  checkLabelled(job);
  refuseForLanes(job, { shared, owners, serves: options.follower !== undefined });
  refuseUnreadable(job);
  refuseWrittenTopics(job);
  return job;
}

/** Publishing to a follower in this process is cheap, so it happens ten times as often. */
function publishSpec({ publish, follower }: TrainOptions): PublishSpec | null {
  if (!publish?.urls?.length && !follower) return null;
  const {
    urls = [],
    everyMs = follower ? 100 : 1000,
    precision = "f32",
    snapshotEvery = defaultSnapshotEvery,
  } = publish ?? {};
  return { urls, everyMs, precision, snapshotEvery };
}
