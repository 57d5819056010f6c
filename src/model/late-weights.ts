import type { CompiledSpec } from "../spec/compiled.js";

/**
 * Whether events weigh what `join.correct` says of fake negatives (Ktena et al. 2019): 1 + p a positive, 1 - p² a negative, p being what
 * the model believes as it learns the event. Of the events of an impression, a negative and perhaps a positive, the gradients then sum
 * to that of the true label.
 */
export function weighsFakes({ join }: CompiledSpec): boolean {
  return join?.correct?.method === "fnw";
}
