import { byHighest, openUniform } from "./draws.js";
import type { Policy } from "./policy.js";

/**
 * At every rank, one of the remaining candidates with a probability proportional to exp(logit / temperature): drawn at
 * once, as the order of logit / temperature plus Gumbel noise.
 */
export function softmax(temperature: number): Policy {
  return ({ logits, rng }) => {
    const scaled = logits.map((logit) => logit / temperature);
    const drawn = scaled.map((value) => value - Math.log(-Math.log(openUniform(rng))));
    return { order: byHighest(drawn), propensity: shares(scaled) };
  };
}

/** exp of each, divided by their sum. */
export function shares(values: Float64Array): Float64Array {
  const highest = values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  // Divided by a tiny temperature, several may be infinite.
  const weights = values.map((value) => (value === highest ? 1 : Math.exp(value - highest)));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}
