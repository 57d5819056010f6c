import type { Views } from "../runtimes/runtime.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { OUTPUT_BIAS } from "../towers/tower.js";
import { logitShift, shifted } from "./logit-shift.js";

/** The Euclidean norm of all of them together. */
export function norm(views: Views): number {
  let sum = 0;
  for (const { data } of Object.values(views)) for (const value of data) sum += value * value;
  return Math.sqrt(sum);
}

/** The same under names with a prefix. */
export function prefixed(prefix: string, views: Views): Views {
  return Object.fromEntries(Object.entries(views).map(([name, view]) => [prefix + name, view]));
}

/** Multiplies the first `count` floats. */
export function scale(floats: Float32Array, count: number, factor: number): void {
  for (let i = 0; i < count; i++) floats[i] *= factor;
}

/** Multiplies floats, then adds others, one by one; each result is rounded. */
export function scaleAndAdd(floats: Float32Array, factor: number, others: Float32Array): void {
  for (let i = 0; i < floats.length; i++) floats[i] = Math.fround(floats[i] * factor) + others[i];
}

/** A tower's weights for its ONNX graph. The correction for left-out negatives is included in the output's bias. */
export function initializersOf(parameters: Views, spec: CompiledSpec): Map<string, Float32Array> {
  const shift = logitShift(spec);
  const weights = Object.entries(parameters).map(([name, { data }]) => {
    return [name, name === OUTPUT_BIAS ? shifted(data.slice(), shift) : data] as const;
  });
  return new Map(weights);
}
