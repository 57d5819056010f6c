import { createModel } from "../model/create.js";
import type { Frozen, Model, ModelOptions } from "../model/model.js";
import type { StartReport } from "../warm-start/report.js";
import { FirstSteps } from "./first-steps.js";
import type { Job } from "./job.js";
import type { Resumed, TrainMeta } from "./resume.js";

/** What a checkpoint's manifest stores about the model that a run started from. */
export interface StartedFrom {
  /** Its checkpoint, as given. */
  readonly from: string | null;
  /** Examples it had learned. */
  readonly examples: number;
  /** Weights of the tower, or of a model that learns event by event, were copied: then there is no warm-up. */
  readonly warm: boolean;
}

/** A model ready to learn: from the checkpoint that is resumed, from another model, or new. */
export interface Started {
  readonly model: Model;
  readonly first: FirstSteps;
  /** How it started from another model; null: it did not. */
  readonly report: StartReport | null;
  /** The part of the checkpoints' meta. */
  readonly meta: Pick<TrainMeta, "started" | "freeze">;
}

/**
 * Creates the job's model.
 * @throws HashbrookError usage if the requested parts cannot be frozen; what `startFrom` throws
 */
export async function startModel(job: Job, resumed: Resumed, options: Omit<ModelOptions, "frozen">): Promise<Started> {
  const names = job.freeze ?? resumed?.meta.freeze ?? [];
  const frozen = names.length > 0 ? await frozenOf(job, names) : undefined;
  const model = await createModel(job.spec, { ...options, ...(frozen && { frozen: frozen.parts }) });
  if (resumed) model.restore(resumed.blocks);
  const report = resumed ? null : await startReport(job, model, frozen?.names ?? []);
  const started = report ? startedFrom(report, model) : resumed?.meta.started;
  const examples = resumed?.meta.tally.examples ?? 0;
  const first = FirstSteps.of(job.spec, examples > 0 || started?.warm === true, resumed?.meta.first_steps);
  return { model, first, report, meta: { ...(started && { started }), freeze: frozen?.names } };
}

async function frozenOf(
  { spec }: Job,
  given: readonly string[],
): Promise<{ parts: Frozen; names: readonly string[] } | undefined> {
  const { frozenParts } = await import("../warm-start/freeze.js");
  const parts = frozenParts(spec, given);
  const names = [...(parts.tower ? ["tower"] : []), ...[...parts.tables].map((name) => `tables.${name}`)];
  return names.length > 0 ? { parts, names } : undefined;
}

async function startReport(
  { initFrom, initTables }: Job,
  model: Model,
  frozen: readonly string[],
): Promise<StartReport | null> {
  if (initFrom === null && initTables === null) return null;
  const { startFrom } = await import("../warm-start/start.js");
  const started = initFrom === null ? { from: null, examples: 0, parts: [] } : await startFrom(model, initFrom);
  if (initTables === null) return { ...started, frozen };
  const { startVectors } = await import("../warm-start/start-vectors.js");
  const given = await startVectors(model, initTables);
  const others = started.parts.filter(
    ({ part, name, outcome }) => part !== "table" || outcome === "taken" || !given.some((one) => one.name === name),
  );
  return { ...started, parts: [...others, ...given], frozen };
}

function startedFrom({ from, examples, parts }: StartReport, model: Model): StartedFrom {
  const learned = model.norms() === null ? "table" : "tower";
  return { from, examples, warm: from !== null && parts.some(({ part, taken }) => part === learned && taken > 1) };
}
