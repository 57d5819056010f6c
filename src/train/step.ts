import { Batch, labelLayout } from "../core/batch.js";
import type { Span } from "../metrics/split.js";
import type { Model } from "../model/model.js";
import type { FirstSteps } from "./first-steps.js";
import type { RunMetrics } from "./metrics/run-metrics.js";
import type { NegativeSampling } from "./negative-sampling.js";
import type { PendingScores } from "./pending-scores.js";
import type { Scored } from "./scored.js";
import type { DecodedBatch } from "./stream.js";

/** The participants of a step. */
export interface Learners {
  readonly model: Model;
  /** Splits a new run's batches into parts. */
  readonly first: FirstSteps;
  /** null: all negatives are learned. */
  readonly sampling: NegativeSampling | null;
  readonly runMetrics: RunMetrics;
  /** Called with every batch's scores, made before it was learned. */
  readonly scored?: Scored | undefined;
  /** Scores waiting for their labels; null: labels are final when they are learned. */
  readonly pending: PendingScores | null;
}

/**
 * One step of test-then-train (progressive validation, McMahan 2013): every event is scored by the model as it was
 * before the event was learned, the score is counted, and only then does the event change anything.
 *
 * `model.learn` is: gather the rows of every table → one run of the tower (forward, loss, backward) → sum the gradients
 * of each row → optimizers. lr and fm do the same one event at a time.
 *
 * @param decoded what the decoder reports about the batch: changes of its distinct-id sketches, and rows learned before
 * @returns rows that were scored but not learned, because their gradient was not finite
 */
export async function step(
  learners: Learners,
  batch: Batch,
  { distinct, seen, corrections = 0 }: Pick<DecodedBatch, "distinct" | "seen" | "corrections">,
): Promise<number> {
  const { model, first, sampling, runMetrics, pending } = learners;
  const taken = sampling?.taken(batch, runMetrics.examples);
  await runMetrics.curves?.measure(model, batch, runMetrics.examples);
  const { logits, skipped } = await first.learn(model, batch, taken);
  if (pending) pending.add(logits.subarray(0, batch.rows - corrections));
  else count(learners, logits, batch, seen);
  if (taken) runMetrics.leftOut += batch.rows - taken.reduce((sum, one) => sum + one, 0);
  runMetrics.distinct.merge(distinct);
  return skipped;
}

/** Matches the oldest pending scores with their final labels. */
export function settle(learners: Learners, { rows, buffer }: NonNullable<DecodedBatch["settled"]>): void {
  const batch = new Batch(labelLayout(rows), rows, buffer);
  count(learners, learners.pending!.take(rows), batch, []);
  learners.runMetrics.countOracle(batch);
}

/** Counts scores and labels. Nothing counted here has influenced what was scored. */
function count(
  { model, runMetrics, scored }: Pick<Learners, "model" | "runMetrics" | "scored">,
  logits: Float32Array,
  batch: Batch,
  seen: readonly Span[],
): void {
  const calibrated = model.calibrator?.apply(logits, batch);
  runMetrics.score(logits, batch, seen, calibrated);
  scored?.(logits, batch, seen);
  if (calibrated) model.calibrator?.learn(logits, calibrated, batch, seen);
}
