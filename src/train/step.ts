import type { Batch } from "../core/batch.js";
import type { DistinctCounts } from "../metrics/distinct.js";
import type { ProgressiveMetrics } from "../metrics/progressive.js";
import type { Model } from "../model/model.js";

/**
 * One step of test-then-train (progressive validation, McMahan 2013): every event is scored by the model as it was
 * before the event was learned, the score is counted, and only then does the event change anything.
 *
 * `model.learn` is: gather the rows of every table → one run of the tower (forward, loss, backward) → sum the
 * gradients of each row → optimizers. lr and fm do the same one event at a time.
 *
 * @param distinct changes of the batch's distinct-id sketches, as the decoder made them
 * @returns rows that were scored but not learned, because their gradient was not finite
 */
export async function step(
  model: Model,
  metrics: ProgressiveMetrics,
  sketches: DistinctCounts,
  batch: Batch,
  distinct: Uint32Array,
): Promise<number> {
  const { logits, skipped } = await model.learn(batch);
  metrics.add(logits, batch.labels, batch.weights);
  sketches.merge(distinct);
  return skipped;
}
