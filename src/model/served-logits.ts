import type { Rewrite } from "../graph/onnx.js";
import type { OnnxNodes } from "../graph/onnx-nodes.js";
import { ln, logistic } from "../metrics/kernel.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { logitShift, shifted } from "./logit-shift.js";

/** Converts learned logits to the reported ones, in place. */
export type Serve = (logits: Float32Array) => Float32Array;

/** With `join.correct: fnc`, predictions are capped at 1 - 2^-10: the largest learned logit below one positive per negative. */
const MOST = Math.fround(-0.000977039648);

/** Corrects a model's learned logits for negatives that were left out, and for negatives that turned out to be positives. */
export function serveOf(spec: CompiledSpec): Serve {
  if (isOdds(spec)) return told;
  const shift = logitShift(spec);
  return (logits) => shifted(logits, shift);
}

/**
 * Whether the learned probability is b = p / (1 + p), with p the probability of a click: every impression is a negative once,
 * and those with a click are also a positive (fake negatives calibrated; Ktena et al. 2019). The learned odds are then the
 * probability.
 */
function isOdds({ join }: CompiledSpec): boolean {
  return join?.correct?.method === "fnc";
}

/**
 * Maps a reported logit to the quantity that shifts with the output's bias: the logit itself or, if that differs, the learned
 * one.
 */
export function biasLevel(spec: CompiledSpec): (told: number) => number {
  return isOdds(spec) ? (told) => ln(logistic(told)) : (told) => told;
}

/** Rewrites an exported graph's outputs to the reported logits. */
export function rewrittenOf(spec: CompiledSpec): Readonly<Record<string, Rewrite>> {
  return isOdds(spec) ? { logits: toldNodes } : {};
}

function told(logits: Float32Array): Float32Array {
  for (let i = 0; i < logits.length; i++) logits[i] = toldOf(logits[i]);
  return logits;
}

/** logit(b / (1 - b)) = z - ln(1 - e^z) with b = sigmoid(z), in f64. */
function toldOf(logit: number): number {
  const z = logit > MOST ? MOST : logit;
  const b = logistic(z);
  return z - ln((1 - 2 * b) / (1 - b));
}

/** The same as nodes of an ONNX model, in f64. @param learned f32 [B, 1] @param name of the output */
function toldNodes(nodes: OnnxNodes, learned: string, name: string): void {
  const most = nodes.constant(Float32Array.of(MOST));
  const z = nodes.cast(nodes.make("Min", [learned, most]), "f64");
  const rest = nodes.make("Sub", [nodes.constant(Float64Array.of(1)), nodes.make("Exp", [z])]);
  const exact = nodes.make("Sub", [z, nodes.make("Log", [rest])]);
  nodes.write("Cast", [exact], name, { to: 1 });
}

/**
 * Whether events get the weights of `join.correct: fnw` (fake negatives weighted; Ktena et al. 2019): 1 + p for a positive, 1 -
 * p² for a negative, where p is the model's prediction when it learns the event. The gradients of an impression's events, a
 * negative and perhaps a positive, then sum to that of the true label.
 */
export function weighsFakes({ join }: CompiledSpec): boolean {
  return join?.correct?.method === "fnw";
}
