import { checkArguments, following } from "../../core/arguments.js";
import { Output } from "../../core/output.js";
import { cutSpec } from "../../spec/cut.js";
import { namesOf } from "../files/named-files.js";
import type { Job } from "../job.js";
import type { Report } from "../metrics/report.js";
import { type ScoreStreamOptions, scoredCheckpoint } from "../scored-checkpoint.js";
import { streamJob } from "../stream-job.js";
import { runPipeline } from "../workers/pipeline.js";
import { formatOf, keptSources } from "./columns.js";
import { type PredictionFormat, predictionFormats, scoreColumns } from "./lines.js";

/** What to score, with what, and how to write it. */
export interface PredictOptions extends ScoreStreamOptions {
  /** File to write, one probability per line; "-" = standard output. It must not be one of the inputs. */
  readonly out: string;
  /** Values to pass through, before the score: columns, JSON paths, vw namespaces, or "label.id" for the event's id. */
  readonly columns?: readonly string[] | undefined;
  /** Default: only scores; with `columns`, by the extension of `out` (.csv, .jsonl), else tsv. */
  readonly format?: PredictionFormat | undefined;
}

/**
 * Writes a line for every row of a stream: its probability, or none for a rejected one. The label may be absent or empty. The file is
 * renamed to its final name when it is complete; if the run fails or is stopped, the name keeps its previous content.
 * @throws HashbrookError usage if the output is one of the inputs; output_closed if the reader of standard output is gone
 */
export async function predict(options: PredictOptions): Promise<Report> {
  checkArguments("predict", options, {
    checkpoint: "path",
    out: "path",
    data: "?files",
    columns: "?texts",
    dims: "?dims",
    format: predictionFormats,
    ...following,
  });
  const { spec, files, part } = await scoredCheckpoint(options.checkpoint);
  const { maxRejects = 0, dims, columns = [] } = options;
  const job: Job = { ...streamJob("predict", spec, { ...options, maxRejects }), ...part, dims };
  if (dims) cutSpec(spec, dims);
  const format = options.format ?? formatOf(options.out, options.columns);
  const lines = { format, columns, rejected: job.maxRejects! > 0, calibrated: spec.calibration !== undefined };
  const kept = keptSources(spec, columns, "--columns", scoreColumns(lines));
  const output = Output.open(options.out, [...namesOf(job.data), ...files]);
  try {
    const { name, file } = output;
    const report = await runPipeline({ ...job, output: { name, file, ...lines }, kept }, options);
    if (report.ended_by !== "stopped") output.commit();
    return report;
  } finally {
    output.discard();
  }
}
