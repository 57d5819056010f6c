/** Metrics by their definitions, in plain code: the reference for the streaming ones. */

/** Weighted AUC by sorting; ties count 1/2. */
export function exactAuc(scores: ArrayLike<number>, labels: ArrayLike<number>, weights: ArrayLike<number>): number {
  const order = Array.from({ length: scores.length }, (_, i) => i).sort((a, b) => scores[a] - scores[b]);
  let area = 0;
  let positives = 0;
  let negatives = 0;
  for (let i = 0; i < order.length; ) {
    let positive = 0;
    let negative = 0;
    const score = scores[order[i]];
    for (; i < order.length && scores[order[i]] === score; i++) {
      if (labels[order[i]] > 0) positive += weights[order[i]];
      else negative += weights[order[i]];
    }
    area += positive * (negatives + negative / 2);
    positives += positive;
    negatives += negative;
  }
  return area / (positives * negatives);
}

export function exactLogloss(
  logits: ArrayLike<number>,
  labels: ArrayLike<number>,
  weights: ArrayLike<number>,
): { logloss: number; predicted: number; positives: number; weight: number } {
  let loss = 0;
  let predicted = 0;
  let positives = 0;
  let weight = 0;
  for (let i = 0; i < logits.length; i++) {
    const p = 1 / (1 + Math.exp(-logits[i]));
    loss -= weights[i] * Math.log(labels[i] > 0 ? p : 1 - p);
    predicted += weights[i] * p;
    positives += weights[i] * labels[i];
    weight += weights[i];
  }
  return { logloss: loss / weight, predicted, positives, weight };
}
