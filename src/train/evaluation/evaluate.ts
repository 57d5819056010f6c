import { checkArguments, following, plain } from "../../core/arguments.js";
import { HashbrookError } from "../../core/errors.js";
import type { CompiledSpec } from "../../spec/compiled.js";
import { cutSpec } from "../../spec/cut.js";
import type { Job } from "../job.js";
import { clicksOf } from "../join/clicks-given.js";
import type { Report } from "../metrics/report.js";
import { bySource } from "../prediction/columns.js";
import { type ScoreStreamOptions, scoredCheckpoint } from "../scored-checkpoint.js";
import { streamJob } from "../stream-job.js";
import { runPipeline } from "../workers/pipeline.js";
import { groupSpec } from "./group-auc.js";

/** Default number of values that `by` reports individually. */
const TOP_VALUES = 20;

/** What to score, with what, and what to report. */
export interface EvaluateOptions extends ScoreStreamOptions {
  /** As for `train`, if the events scored are impressions. */
  readonly clicks?: string | readonly string[] | undefined;
  /** As for `train`. */
  readonly conversions?: string | readonly string[] | undefined;
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

/**
 * Scores a stream with a checkpoint's frozen weights and reports the quality.
 * @throws HashbrookError usage, checkpoint_missing, checkpoint_damaged; whatever reading the stream throws
 */
export async function evaluate(options: EvaluateOptions): Promise<Report> {
  checkArguments("evaluate", options, {
    checkpoint: "path",
    data: "?files",
    clicks: "?files",
    conversions: "?files",
    dims: "?dims",
    by: "?text",
    groupAuc: "?text",
    curves: "?boolean",
    ...following,
  });
  const { spec, part } = await scoredCheckpoint(options.checkpoint);
  const job: Job = {
    ...streamJob("eval", spec, options),
    ...part,
    ...breakdownOf(spec, options),
    ...prefixesOf(spec, options),
    clicks: clicksOf(spec, options),
  };
  return runPipeline(job, options);
}

/** What metrics are broken down by, and the texts needed for that. @throws HashbrookError usage */
function breakdownOf(
  spec: CompiledSpec,
  { by, top = TOP_VALUES, groupAuc = spec.metrics?.group }: EvaluateOptions,
): Pick<Job, "by" | "group" | "kept"> {
  if (!Number.isSafeInteger(top) || top < 1)
    throw new HashbrookError("usage", `top ${plain(top)}: must be a whole number of at least 1`);
  const source = by === undefined ? [] : bySource(spec, by);
  const grouped = groupAuc === undefined ? { group: null, kept: [] } : groupSpec(spec, groupAuc, source);
  const kept = [...source, ...grouped.kept];
  return { by: by === undefined ? null : { field: by, top, columns: kept.length }, group: grouped.group, kept };
}

/** The prefixes of nested vectors to score with. @throws HashbrookError usage if a model has no such prefixes */
function prefixesOf(spec: CompiledSpec, { dims, curves = false }: EvaluateOptions): Pick<Job, "dims" | "curves"> {
  if (dims) cutSpec(spec, dims);
  if (dims && curves)
    throw new HashbrookError("usage", "--dims and --curves cannot be combined", { hint: "leave --dims out" });
  if (curves && spec.tables.every(({ nested }) => nested === undefined))
    throw new HashbrookError("usage", `--curves: ${spec.name} was trained without nested vectors`, {
      hint: "train it with `train: { nested: true }`",
    });
  return { dims, curves };
}
