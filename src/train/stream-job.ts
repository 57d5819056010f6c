import { HashbrookError } from "../core/errors.js";
import { isTable } from "../sources/files/inputs.js";
import type { CompiledSpec } from "../spec/compiled.js";
import type { Job } from "./job.js";
import { type Given, type StreamSettings, settingsOf } from "./settings.js";
import type { PipelineOptions } from "./workers/pipeline.js";

/** What every reading of a stream is given, to learn from it or to score it. */
export interface StreamOptions extends PipelineOptions, Given<StreamSettings> {
  /** Paths, patterns, "-" (standard input) or "simulate:ROWS[:SEED[:FORMAT]]", read in order. */
  readonly data?: string | readonly string[] | undefined;
}

/** A job that only reads: what a command does with the events is added to it. @throws HashbrookError usage */
export function streamJob(kind: Job["kind"], spec: CompiledSpec, options: StreamOptions): Job {
  refuseTables(spec, options.data ?? []);
  return {
    ...settingsOf(options, kind === "eval" ? "evaluate" : kind),
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
