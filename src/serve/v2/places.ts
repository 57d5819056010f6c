import { nearest } from "../../core/nearest.js";
import { type CompiledField, fieldOf, isBag } from "../../fields/index.js";
import type { CompiledSpec } from "../../spec/compiled.js";
import { datatypes } from "./datatypes.js";
import type { InputTensor } from "./schemas.js";
import { wrong } from "./tensors.js";

type ReadField = Extract<CompiledField, { readonly from: string }>;

/** The fields that read a member. */
export const readFields = ({ fields }: CompiledSpec): ReadField[] =>
  fields.filter((field): field is ReadField => "from" in field);

/** The datatype and shape that suit a field's values best. */
export function tensorOf(field: ReadField): { readonly datatype: string; readonly shape: number[] } {
  if ("length" in field) return { datatype: "FP32", shape: [-1, field.length] };
  if (isBag(field)) return { datatype: "BYTES", shape: [-1, -1] };
  return { datatype: fieldOf(field.type).numeric ? "FP64" : "BYTES", shape: [-1] };
}

/**
 * The field that a tensor is for, by its name or by the member that it reads.
 * @throws HashbrookError request_invalid if there is none, or it takes tensors of another type or shape
 */
export function fieldFor(spec: CompiledSpec, { name, datatype, shape }: InputTensor): ReadField {
  const fields = readFields(spec);
  const field = fields.find((one) => one.name === name) ?? fields.find(({ from }) => from === name);
  if (!field) {
    const likely = nearest(
      name,
      fields.flatMap((one) => [one.name, one.from]),
    );
    const known = fields.map((one) => one.name).slice(0, 40);
    throw wrong(name, "unknown field", likely ? `did you mean ${likely}?` : `fields: ${known.join(", ")}`);
  }
  const { kind } = datatypes[datatype];
  const fits = fieldOf(field.type).numeric ? kind === "float" || kind === "integer" : kind !== "float";
  if (!fits) throw wrong(name, `a ${field.type} field does not accept ${datatype}`, `send ${tensorOf(field).datatype}`);
  const isList = fieldOf(field.type).reads === "items";
  if (!isList && (shape[1] ?? 1) !== 1) throw wrong(name, "must have one value per row", `send shape [${shape[0]}]`);
  if (isList && shape.length === 1) throw wrong(name, "must have a list per row", "send shape [rows, length]");
  return field;
}
