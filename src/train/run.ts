import { checkArguments } from "../core/arguments.js";
import { HashbrookError } from "../core/errors.js";
import { Output } from "../core/output.js";
import { defaultSnapshotEvery } from "../delta-log/defaults.js";
import type { SpecWarning } from "../schema/problems.js";
import { isTable } from "../sources/files/inputs.js";
import type { TopicSpec } from "../sources/kafka/open-topic.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { cutSpec, type Dims } from "../spec/cut.js";
import { withLanes } from "../spec/lanes.js";
import { loadSpec } from "../spec/parse.js";
import { groupSpec } from "./evaluation/group-auc.js";
import { decodeOnce } from "./files/decode-once.js";
import { namesOf, refuseRejected } from "./files/named-files.js";
import type { Job, PublishSpec } from "./job.js";
import { checkLabelled, clicksOf } from "./join/clicks-given.js";
import type { LanesGiven } from "./lanes/pipeline.js";
import { refuseForLanes } from "./lanes/refused.js";
import type { Report } from "./metrics/report.js";
import { sliceSource } from "./metrics/slice-names.js";
import { bySource, formatOf, keptSources } from "./prediction/columns.js";
import { type PredictionFormat, scoreColumns } from "./prediction/lines.js";
import { type Given, type StreamSettings, settingsOf, type TrainSettings } from "./settings.js";
import { type PipelineOptions, runPipeline } from "./workers/pipeline.js";
import { refuseWrittenTopics } from "./written-topics.js";

interface StreamOptions extends PipelineOptions, Given<StreamSettings> {
  /** Paths, patterns, "-" (standard input) or "simulate:ROWS[:SEED[:FORMAT]]", read in order. */
  readonly data?: string | readonly string[] | undefined;
}

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

/** What to score, and with what. */
export interface EvaluateOptions extends StreamOptions {
  /** A run's directory or one checkpoint's directory. */
  readonly checkpoint: string;
  /** As for `train`, if the events scored are impressions. */
  readonly clicks?: string | readonly string[] | undefined;
  /** As for `train`. */
  readonly conversions?: string | readonly string[] | undefined;
  /** Cut nested vectors to prefixes: components by field or table; `all` is every nested table. Default: whole vectors. */
  readonly dims?: Dims | undefined;
  /** For nested vectors: score the events with every prefix, too. Default false. */
  readonly curves?: boolean | undefined;
  /** Also break quality down by this, and by score bin: a field, a column or a JSON path. */
  readonly by?: string | undefined;
  /** With `by`: number of values reported individually, those with the most events. Default 20. */
  readonly top?: number | undefined;
  /**
   * Also compute AUC within the events of each value of this (GAUC): a field, a column or a JSON path. Default: the spec's
   * `metrics.group`.
   */
  readonly groupAuc?: string | undefined;
}

/** Options of one of several processes that work a topic's lanes. */
export interface LanesTrainOptions extends TrainOptions, LanesGiven {}

/** Default number of values that `by` reports individually. */
const TOP_VALUES = 20;

/** What to score, with what, and how to write it. */
export interface PredictOptions
  extends Omit<EvaluateOptions, "by" | "top" | "groupAuc" | "clicks" | "conversions" | "curves"> {
  /** File to write, one probability per line; "-" = standard output. It must not be one of the inputs. */
  readonly out: string;
  /** Values to pass through, before the score: columns, JSON paths, vw namespaces, or "label.id" for the event's id. */
  readonly columns?: readonly string[] | undefined;
  /** Default: only scores; with `columns`, by the extension of `out` (.csv, .jsonl), else tsv. */
  readonly format?: PredictionFormat | undefined;
}

/** Trains a model on a stream of events, scoring each event before learning it, and returns the final report. */
export async function train(options: TrainOptions): Promise<Report> {
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
  checkArguments("train", options, {
    model: "spec",
    out: "path",
    data: "?files",
    topic: "?topic",
    validate: "?files",
    clicks: "?files",
    conversions: "?files",
  });
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
  refuseRejected(job);
  refuseWrittenTopics(job);
  return job;
}

function validationFiles(options: TrainOptions): readonly string[] {
  const { validate = [], topic, publish, follower } = options;
  const [validateLast, earlyStop] = [options.validateLast ?? undefined, options.earlyStop ?? undefined];
  const files = typeof validate === "string" ? [validate] : validate;
  const refuse = (message: string, hint: string) => {
    throw new HashbrookError("usage", message, { hint });
  };
  if (files.length > 0 && validateLast !== undefined)
    refuse("--validate and --validate-last cannot be combined", "use one of them");
  const validated = files.length > 0 || validateLast !== undefined;
  if (validated && topic)
    refuse(
      "--validate: not supported for a topic, which has no epochs",
      "score files with a checkpoint: hashbrook eval --checkpoint DIR --data FILES",
    );
  if (earlyStop !== undefined && !validated)
    refuse("--early-stop: needs validation events", "add --validate FILES or --validate-last 20%");
  if (earlyStop !== undefined && (publish?.urls?.length || follower))
    refuse("--early-stop: followers cannot return to an earlier epoch", "publish from a run without --early-stop");
  if (validateLast !== undefined && !(validateLast > 0 && validateLast < 1))
    refuse(`--validate-last ${validateLast}: must be between 0 and 1`, "20% or 0.2 holds out the last fifth");
  return files;
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

/** Scores a stream with a checkpoint's frozen weights and reports the quality. */
export async function evaluate(options: EvaluateOptions): Promise<Report> {
  checkArguments("evaluate", options, { checkpoint: "path", data: "?files", clicks: "?files", conversions: "?files" });
  const { checkpoint, spec, passedOver } = await checkpointed(options.checkpoint);
  const job = streamJob("eval", spec, options);
  const { top = TOP_VALUES } = options;
  if (!Number.isSafeInteger(top) || top < 1)
    throw new HashbrookError("usage", `top ${top}: must be a whole number of at least 1`);
  const cut = cutOf(spec, options);
  const apart = breakdownOf(spec, options, top);
  const clicks = clicksOf(spec, options);
  return runPipeline({ ...job, ...cut, ...apart, clicks, checkpoint: checkpoint.path, passedOver }, options);
}

/** What eval breaks metrics down by, and the texts it needs for that. @throws HashbrookError usage */
function breakdownOf(spec: CompiledSpec, { by, groupAuc = spec.metrics?.group }: EvaluateOptions, top: number) {
  const source = by === undefined ? [] : bySource(spec, by);
  const grouped = groupAuc === undefined ? { group: null, kept: [] } : groupSpec(spec, groupAuc, source);
  const kept = [...source, ...grouped.kept];
  return { by: by === undefined ? null : { field: by, top, columns: kept.length }, group: grouped.group, kept };
}

/**
 * Writes a line for every row of a stream: its probability, or none for a rejected one. The label may be absent or empty. The file is
 * renamed to its final name when it is complete; if the run fails or is stopped, the name keeps its previous content.
 * @throws HashbrookError usage if the output is one of the inputs; output_closed if the reader of standard output is gone
 */
export async function predict(options: PredictOptions): Promise<Report> {
  checkArguments("predict", options, { checkpoint: "path", out: "path", data: "?files", columns: "?texts" });
  const { checkpoint, spec, passedOver } = await checkpointed(options.checkpoint);
  const read = streamJob("predict", spec, { ...options, maxRejects: options.maxRejects ?? 0 });
  const job = { ...read, ...cutOf(spec, options) };
  const format = options.format ?? formatOf(options.out, options.columns);
  const columns = options.columns ?? [];
  const scored = { rejected: job.maxRejects! > 0, calibrated: spec.calibration !== undefined };
  const kept = keptSources(spec, columns, "--columns", scoreColumns(scored));
  const output = Output.open(options.out, [...namesOf(job.data), ...checkpoint.files]);
  try {
    const { name, file } = output;
    const to = { checkpoint: checkpoint.path, passedOver, output: { name, file, format, columns, ...scored }, kept };
    const report = await runPipeline({ ...job, ...to }, options);
    if (report.ended_by !== "stopped") output.commit();
    return report;
  } finally {
    output.discard();
  }
}

/** @throws HashbrookError usage if a model has no such prefixes */
function cutOf(spec: CompiledSpec, { dims, curves = false }: Pick<EvaluateOptions, "dims" | "curves">) {
  if (dims) cutSpec(spec, dims);
  if (dims && curves)
    throw new HashbrookError("usage", "--dims and --curves cannot be combined", { hint: "leave --dims out" });
  if (curves && spec.tables.every(({ nested }) => nested === undefined))
    throw new HashbrookError("usage", `--curves: ${spec.name} was trained without nested vectors`, {
      hint: "train it with `train: { nested: true }`",
    });
  return { dims, curves };
}

/** Imported on demand: training starts from a spec, and need not load what reads checkpoints. */
async function checkpointed(path: string) {
  const { openCheckpoint } = await import("../checkpoints/store.js");
  const { specOf } = await import("../model/load.js");
  const opened = openCheckpoint(path);
  return { checkpoint: opened.checkpoint, spec: specOf(opened), passedOver: opened.skipped };
}

function streamJob(kind: Job["kind"], spec: CompiledSpec, options: StreamOptions): Job {
  refuseTables(spec, options.data ?? []);
  return {
    ...settingsOf(options),
    kind,
    spec,
    data: typeof options.data === "string" ? [options.data] : (options.data ?? []),
    clicks: null,
    topic: null,
    publish: null,
    deadLetters: null,
    unused: null,
    out: null,
    output: null,
    kept: [],
    by: null,
    group: null,
    checkpoint: null,
    dims: undefined,
    curves: false,
    passedOver: [],
    validate: [],
  };
}

/** A table's rows are read as JSON objects. @throws usage if the spec's format is another one */
function refuseTables({ name, events }: CompiledSpec, data: string | readonly string[]): void {
  const table = [data].flat().find(isTable);
  if (table === undefined || events.format === "json") return;
  throw new HashbrookError("usage", `${table}: rows are read as JSON objects, but ${name} expects ${events.format}`, {
    hint: "set events: { format: json } in the spec; columns then become members",
  });
}
