import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { checkArguments, following, plain } from "../../core/arguments.js";
import { HashbrookError } from "../../core/errors.js";
import { loadSpec } from "../../spec/parse.js";
import { learnsByEvent } from "../../towers/index.js";
import type { Job } from "../job.js";
import { trainJob } from "../train.js";
import type { TogetherOptions, TogetherReport } from "./options.js";
import { TogetherRun } from "./run.js";

/** Default examples per round. */
const ROUND = 65_536;
/** Approximate cost of an event in a model with a tower, relative to one without. */
const TOWER_COST = 4;

/**
 * Trains several models on one stream of events: events are decoded once for all models that read them alike, and every
 * model's checkpoint has the bytes of training it alone. Models are distributed among threads. A model that fails is
 * dropped and reported, and the others continue.
 * @throws HashbrookError usage; what prevents a model from starting (output_exists, checkpoint_mismatch,
 *   checkpoint_locked, …), before anything is learned; a failure of the source; the first model's failure if none is
 *   left
 */
export async function trainTogether(options: TogetherOptions): Promise<TogetherReport> {
  checkArguments("trainTogether", options, {
    contenders: "list",
    data: "?files",
    topic: "?topic",
    out: "?path",
    workers: "?count",
    roundExamples: "?count",
    onRound: "?function",
    ...following,
  });
  const { contenders, onProgress: _, ...rest } = options;
  refuseUnclear(options);
  const workers = workersOf(options);
  const threads = options.threads ?? Math.max(1, Math.floor(availableParallelism() / workers));
  const jobs = contenders.map(({ spec, out }): Job => {
    const model = typeof spec === "string" ? loadSpec(spec) : spec;
    return trainJob({ ...rest, model, out, threads });
  });
  const largest = Math.max(...jobs.map(({ spec }) => spec.batch));
  const run = new TogetherRun({
    options,
    jobs,
    threads: shareOut(jobs, workers),
    roundExamples: Math.ceil((options.roundExamples ?? ROUND) / largest) * largest,
  });
  return run.run();
}

function refuseUnclear({ contenders, topic, out, workers, roundExamples }: TogetherOptions): void {
  const refuse = (message: string, hint: string) => {
    throw new HashbrookError("usage", message, { hint });
  };
  if (contenders.length === 0) refuse("no models given", "name at least one");
  for (const contender of contenders)
    checkArguments("trainTogether: contenders", contender, { name: "text", spec: "spec", out: "path" });
  const names = contenders.map(({ name }) => name);
  const outs = contenders.map(({ out }) => resolve(out));
  const twice = (texts: readonly string[]) => texts.find((text, i) => texts.indexOf(text) < i);
  if (twice(names)) refuse(`two models are named ${twice(names)}`, "give each model its own name");
  if (twice(outs)) refuse(`two models write to ${twice(outs)}`, "give each model its own directory");
  if (topic && out === undefined) refuse("`out` is required with a topic", "set `out` to a directory for the run");
  for (const [name, value] of Object.entries({ workers, roundExamples }))
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 1))
      refuse(`${name} ${plain(value)}: must be a whole number of at least 1`, "leave it out for the default");
}

/** Decoding takes less time than learning several models, so all cores learn. */
function workersOf({ contenders, workers = availableParallelism() }: TogetherOptions): number {
  return Math.min(workers, contenders.length);
}

/** Contenders by thread: the costliest first, each to the thread with the least work. */
function shareOut(jobs: readonly Job[], workers: number): number[][] {
  const threads = Array.from({ length: workers }, () => ({ cost: 0, contenders: [] as number[] }));
  const costs = jobs.map(({ spec }) => (learnsByEvent(spec.tower.kind) ? 1 : TOWER_COST));
  const order = [...jobs.keys()].sort((a, b) => costs[b] - costs[a] || a - b);
  for (const contender of order) {
    const least = threads.reduce((one, other) => (other.cost < one.cost ? other : one));
    least.cost += costs[contender];
    least.contenders.push(contender);
  }
  return threads.map(({ contenders }) => contenders);
}
