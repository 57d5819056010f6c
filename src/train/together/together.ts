import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { HashbrookError } from "../../core/errors.js";
import { loadSpec } from "../../spec/parse.js";
import { learnsByEvent } from "../../towers/index.js";
import type { Job } from "../job.js";
import { trainJob } from "../run.js";
import type { TogetherOptions, TogetherReport } from "./options.js";
import { TogetherRun } from "./run.js";

/** Examples of a round by default. */
const ROUND = 65_536;
/** How much more an event costs a model with a tower, about. */
const TOWER_COST = 4;

/**
 * Learns several models from one stream of events: events are decoded once for all models that read them alike, and every model's
 * checkpoint has the bytes that training it alone gives. Models are shared out among threads. A model that fails is dropped and
 * reported, and the others go on.
 * @throws HashbrookError usage; what keeps a model from beginning (output_exists, checkpoint_mismatch, checkpoint_locked, …), before anything is
 * learned; what failed the source; the first model's failure where none is left
 */
export async function trainTogether(options: TogetherOptions): Promise<TogetherReport> {
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
  const names = contenders.map(({ name }) => name);
  const outs = contenders.map(({ out }) => resolve(out));
  const twice = (texts: readonly string[]) => texts.find((text, i) => texts.indexOf(text) < i);
  if (twice(names)) refuse(`two models are called ${twice(names)}`, "give them names of their own");
  if (twice(outs)) refuse(`two models write to ${twice(outs)}`, "give them directories of their own");
  if (topic && out === undefined) refuse("a topic without a directory of the run", "give `out`");
  for (const [name, value] of Object.entries({ workers, roundExamples }))
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 1))
      refuse(`${name} ${value}: must be a whole number of at least 1`, "leave it out for the default");
}

/** Decoding takes less than learning of several models: all cores learn. */
function workersOf({ contenders, workers = availableParallelism() }: TogetherOptions): number {
  return Math.min(workers, contenders.length);
}

/** Contenders by thread: the costliest first, each to the thread that has least to do. */
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
