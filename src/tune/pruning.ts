import { rmSync } from "node:fs";
import { join } from "node:path";
import { HashbrookError } from "../core/errors.js";
import { ScoreBlocks } from "../metrics/score-blocks.js";
import { prunable, pruneCheckpoint } from "../migrate/prune.js";
import { loadModel } from "../model/load.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { compileDocument } from "../spec/parse.js";
import { trainTogether } from "../train/together/together.js";
import { eventsOf } from "./events.js";
import type { TuneOptions } from "./options.js";
import { known } from "./race.js";
import type { Plan, Session } from "./session.js";
import { fullDocument } from "./tables.js";
import { standing } from "./windows.js";

/** Attempts to find a share of rows whose bytes are within the budget. */
const TRIES = 8;
/** Factor for the next attempt if a share is too large. */
const LESS = 0.97;

type Model = Awaited<ReturnType<typeof loadModel>>["model"];

/**
 * The baseline of plain magnitude pruning: the full model learns the events up to the choice, the rows with the shortest
 * vectors are removed until the rest fits the budget, and the result is compared with the whole model, both frozen, on the
 * events that judge. Appends a row after the choice.
 */
export async function tryPruning(session: Session, { signal, workers }: TuneOptions): Promise<void> {
  const { ledger, out } = session;
  const full = growing(session);
  const [{ plan }] = ledger.of("plan") as unknown as { plan: Plan }[];
  const { events, rungs } = plan.schedule;
  const window = { from: rungs.at(-1)!.events, to: events };
  const scratch = join(out, "pruning");
  const data = session.events.for([full]);
  try {
    rmSync(scratch, { recursive: true, force: true });
    const whole = join(scratch, "whole");
    const limit = window.from;
    const contenders = [{ name: "full", spec: full, out: whole }];
    await trainTogether({ contenders, data, limit, checkpointSeconds: 0, workers, signal });
    signal?.throwIfAborted();
    const pruned = await prunedTo(plan.budget!, whole, scratch);
    const [one, two] = await scored(full, { data, window, models: [whole, pruned.checkpoint], signal });
    const { keep, bytes } = pruned;
    ledger.append({ kind: "pruned", keep, bytes, ...known(standing(one, two, window)) });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** @throws HashbrookError usage if a model has no rows that can be removed */
export function refuseUnprunable(session: Session): void {
  prunable(growing(session));
}

/** The spec with full tables that have no spare room. */
function growing({ document, full }: Session): CompiledSpec {
  const grows = fullDocument(document);
  for (const { name, role } of full.tables) if (role !== "wide") grows.set(["tables", name, "rows"], 1);
  return compileDocument(grows, full.name);
}

/** The model without its shortest rows, as many as the budget requires. */
async function prunedTo(budget: number, whole: string, scratch: string) {
  const bytesOf = async (checkpoint: string) => {
    const { model } = await loadModel(checkpoint, { capacity: 1, threads: 1 });
    const bytes = model.tables.reduce((sum, table) => sum + table.stats().bytes, 0);
    await model.close();
    return bytes;
  };
  let keep = Math.min(LESS, budget / (await bytesOf(whole)));
  for (let i = 0; ; i++) {
    const checkpoint = join(scratch, `pruned-${i}`);
    await pruneCheckpoint({ checkpoint: whole, keep, out: checkpoint });
    const bytes = await bytesOf(checkpoint);
    if (bytes <= budget) return { keep, bytes, checkpoint };
    if (i === TRIES)
      throw new HashbrookError("budget_too_small", `no share of the full model's rows fits ${budget} bytes`, {
        hint: "its other tables alone exceed the budget: leave --pruning out",
      });
    keep *= Math.min(LESS, budget / bytes);
  }
}

/** Scores of frozen models on a window of the stream. */
async function scored(
  spec: CompiledSpec,
  { data, window, models, signal }: Scoring,
): Promise<ReturnType<ScoreBlocks["until"]>[]> {
  const capacity = spec.batch;
  const loaded: Model[] = [];
  const blocks = models.map(() => new ScoreBlocks());
  let place = 0;
  try {
    for (const checkpoint of models) loaded.push((await loadModel(checkpoint, { capacity, threads: 1 })).model);
    for await (const { batch, rejected } of eventsOf(spec, { data, capacity, limit: window.to })) {
      signal?.throwIfAborted();
      place += rejected;
      if (place >= window.from)
        for (const [i, model] of loaded.entries())
          blocks[i].add(place, await model.predict(batch), batch.labels, batch.weights);
      place += batch.rows;
    }
  } finally {
    for (const model of loaded) await model.close();
  }
  return blocks.map((one) => one.until(place));
}

interface Scoring {
  readonly data: readonly string[];
  readonly window: { readonly from: number; readonly to: number };
  readonly models: readonly string[];
  readonly signal?: AbortSignal | undefined;
}
