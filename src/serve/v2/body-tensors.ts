import type { BodyTensor } from "../../decode/tensor-cursor.js";
import type { ElementType } from "../../decode/tensor-rows.js";
import { fieldOf } from "../../fields/index.js";
import type { CompiledSpec } from "../../spec/compiled.js";
import { MAX_CANDIDATES } from "../scorer.js";
import { datatypes } from "./datatypes.js";
import { fieldFor } from "./places.js";
import type { InputTensor } from "./schemas.js";

/**
 * Positions of the tensors of a body after its header; undefined if it has any that are not binary, or anything is
 * unusual, which reading it as JSON explains.
 * @param from where the first tensor begins
 * @throws HashbrookError request_invalid if a tensor is for no field
 */
export function tensorsOf(
  inputs: readonly InputTensor[],
  spec: CompiledSpec,
  from: number,
  end: number,
): BodyTensor[] | undefined {
  let at = from;
  const tensors: BodyTensor[] = [];
  for (const tensor of inputs) {
    const bytes = tensor.parameters?.binary_data_size;
    if (bytes === undefined || tensor.data !== undefined) return undefined;
    tensors.push(tensorAt(tensor, spec, at, bytes));
    at += bytes;
  }
  return at === end && fit(tensors) ? tensors : undefined;
}

function tensorAt(tensor: InputTensor, spec: CompiledSpec, from: number, bytes: number): BodyTensor {
  const { shape, datatype } = tensor;
  const field = fieldFor(spec, tensor);
  const { numeric = false, reads } = fieldOf(field.type);
  const [rows, width = 1] = shape;
  const places = { from, to: from + bytes, rows, width, size: datatypes[datatype].size };
  return { path: field.from, type: datatype as ElementType, numeric, list: reads === "items", ...places };
}

/** Whether they have as many bytes as their shapes say, equal numbers of rows or one, and each member once. */
function fit(tensors: readonly BodyTensor[]): boolean {
  const most = Math.max(...tensors.map(({ rows }) => rows));
  return (
    most <= MAX_CANDIDATES &&
    new Set(tensors.map(({ path }) => path)).size === tensors.length &&
    tensors.every(({ rows, width, size, from, to }) => {
      const isWhole = size === 0 || to - from === rows * width * size;
      return isWhole && rows > 0 && width > 0 && (rows === most || rows === 1);
    })
  );
}
