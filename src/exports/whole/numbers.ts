import { isNumber } from "../../fields/index.js";
import type { OnnxNodes } from "../../graph/onnx-nodes.js";
import { MAX_DEVIATIONS, type Numbers } from "../../model/numbers.js";
import type { CompiledSpec } from "../../spec/compiled.js";

/**
 * Nodes that preprocess the numeric columns, as src/model/numbers.ts does: missing values replaced, standardized ones
 * scaled in f64.
 * @param raw f32 [B, columns], NaN for missing values
 */
export function resolveNumbers(nodes: OnnxNodes, raw: string, numbers: Numbers, spec: CompiledSpec): string {
  const fields = spec.numbers.map((name) => spec.fields.find((field) => field.name === name));
  const missing = nodes.make("IsNaN", [raw]);
  const instead = Float32Array.from(fields, (field) => (field && isNumber(field) ? field.missing : 0));
  const plain = nodes.make("Where", [missing, nodes.constant(instead), raw]);
  const scaled = fields.map((field) => field !== undefined && isNumber(field) && field.transform === "standardize");
  if (!scaled.includes(true)) return plain;
  const scales = fields.map((_, column) => numbers.scaleOf(column));
  const means = nodes.constant(Float64Array.from(scales, ({ mean }) => mean));
  const factors = nodes.constant(Float64Array.from(scales, ({ deviation }) => (deviation > 0 ? 1 / deviation : 0)));
  const z = nodes.make("Mul", [nodes.make("Sub", [nodes.cast(raw, "f64"), means]), factors]);
  const bounds = [-MAX_DEVIATIONS, MAX_DEVIATIONS].map((bound) => nodes.constant(Float64Array.of(bound), []));
  const within = nodes.cast(nodes.make("Clip", [z, ...bounds]), "f32");
  const known = nodes.make("Where", [missing, nodes.constant(Float32Array.of(0)), within]);
  return nodes.make("Where", [nodes.constant(Uint8Array.from(scaled, Number)), known, plain]);
}
