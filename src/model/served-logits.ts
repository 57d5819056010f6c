import type { Rewrite } from "../graph/onnx.js";
import type { OnnxNodes } from "../graph/onnx-nodes.js";
import { ln, logistic } from "../metrics/kernel.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { logitShift, shifted } from "./logit-shift.js";

/** Makes the logits that are told of those that were learned, in place. */
export type Serve = (logits: Float32Array) => Float32Array;

/** What `join.correct` says is told is at most 1 - 2^-10: the largest logit that is learned as less than one positive a negative. */
const MOST = Math.fround(-0.000977039648);

/** What a model tells of what it has learned: corrected for negatives that were left out, and for negatives that turned out positives. */
export function serveOf(spec: CompiledSpec): Serve {
  if (isOdds(spec)) return told;
  const shift = logitShift(spec);
  return (logits) => shifted(logits, shift);
}

/**
 * Whether what is learned is b = p / (1 + p) where p is the probability of a click: every impression is a negative once, and those with
 * a click are a positive, too (fake negatives calibrated; Ktena et al. 2019). So the odds that are learned are the probability.
 */
function isOdds({ join }: CompiledSpec): boolean {
  return join?.correct?.method === "fnc";
}

/** Makes of a logit that is told what moves as the output's bias does: where that is not the logit itself, the one that is learned. */
export function biasLevel(spec: CompiledSpec): (told: number) => number {
  return isOdds(spec) ? (told) => ln(logistic(told)) : (told) => told;
}

/** What makes an exported graph's outputs those that are told. */
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
 * Whether events weigh what `join.correct` says of fake negatives (Ktena et al. 2019): 1 + p a positive, 1 - p² a negative, p being what
 * the model believes as it learns the event. Of the events of an impression, a negative and perhaps a positive, the gradients then sum
 * to that of the true label.
 */
export function weighsFakes({ join }: CompiledSpec): boolean {
  return join?.correct?.method === "fnw";
}
