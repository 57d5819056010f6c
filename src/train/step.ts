import type { Batch } from "../core/batch.js";
import type { Model } from "../model/model.js";
import type { FirstSteps } from "./first-steps.js";
import type { RunMetrics } from "./run-metrics.js";
import type { DecodedBatch } from "./stream.js";

/**
 * One step of test-then-train (progressive validation, McMahan 2013): every event is scored by the model as it was
 * before the event was learned, the score is counted, and only then does the event change anything.
 *
 * `model.learn` is: gather the rows of every table → one run of the tower (forward, loss, backward) → sum the
 * gradients of each row → optimizers. lr and fm do the same one event at a time.
 *
 * @param first learns a new run's batches in parts
 * @param decoded what the decoder says of the batch: changes of its distinct-id sketches, and rows learned before
 * @returns rows that were scored but not learned, because their gradient was not finite
 */
export async function step(
  model: Model,
  first: FirstSteps,
  runMetrics: RunMetrics,
  batch: Batch,
  { distinct, seen }: Pick<DecodedBatch, "distinct" | "seen">,
): Promise<number> {
  const { logits, skipped } = await first.learn(model, batch);
  runMetrics.score(logits, batch, seen);
  runMetrics.distinct.merge(distinct);
  return skipped;
}
