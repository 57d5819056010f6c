import { HashbrookError } from "../../core/errors.js";
import type { Scored } from "../threads/engine.js";
import type { InferAnswer, InferBody } from "./schemas.js";

/** An answer: JSON, followed by binary tensors if there are any. */
export interface EncodedAnswer {
  readonly header: InferAnswer;
  readonly binary: readonly Uint8Array[];
}

/**
 * The requested outputs, all by default: `score`, and `calibrated` if the model has a calibrator.
 * @throws HashbrookError request_invalid if an unknown output is requested
 */
export function answerOf(
  name: string,
  { id, outputs, parameters }: InferBody,
  { scores, calibrated, model }: Scored,
): EncodedAnswer {
  const all = new Map<string, Float32Array>([["score", scores]]);
  if (calibrated) all.set("calibrated", calibrated);
  const wanted = outputs ?? [...all.keys()].map((name) => ({ name, parameters: undefined }));
  const binary: Uint8Array[] = [];
  const encoded = wanted.map(({ name, parameters: own }) => {
    const values = all.get(name);
    if (!values) throw noOutput(name, [...all.keys()]);
    const base = { name, datatype: "FP32" as const, shape: [values.length] };
    if (!(own?.binary_data ?? parameters?.binary_data_output)) return { ...base, data: [...values] };
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    binary.push(bytes);
    return { ...base, parameters: { binary_data_size: bytes.length } };
  });
  const { version, spec_hash } = model;
  const header = { model_name: name, model_version: String(version), ...(id !== undefined && { id }) };
  return { header: { ...header, parameters: { spec_hash }, outputs: encoded }, binary };
}

function noOutput(name: string, names: readonly string[]): HashbrookError {
  return new HashbrookError("request_invalid", `outputs.${name}: unknown output`, {
    hint: `outputs: ${names.join(", ")}`,
  });
}
