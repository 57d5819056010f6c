import type { Compiled, Static, TObject, TProperties } from "../schema/typebox.js";
import { bag, type Combiner } from "./bag.js";
import { buckets } from "./buckets.js";
import { categorical } from "./categorical.js";
import { cross } from "./cross.js";
import type { FieldContext, FieldKind, WrittenKind } from "./kind.js";
import { numeric } from "./numeric.js";
import { vector } from "./vector.js";

export type { Combiner };

/** Every field type, by its name in a compiled spec; those with a `source` can be written in a spec. */
export const fieldKinds = { categorical, numeric, bag, cross, vector, buckets };

export type FieldType = keyof typeof fieldKinds;

/** A field in a compiled spec. */
export type CompiledField = {
  [K in FieldType]: { readonly name: string; readonly type: K } & Compiled<(typeof fieldKinds)[K]["compiled"]>;
}[FieldType];

/** The description of a type. */
export const fieldOf = (type: FieldType): FieldKind => fieldKinds[type];

/** True for fields whose values are hashed: their distinct values are counted. */
export const isHashed = ({ type }: CompiledField): boolean => fieldOf(type).hashed === true;

/** True for fields that feed the tower directly, without a table. */
export const isDense = ({ type }: CompiledField): boolean => fieldOf(type).dense === true;

/** True for fields that can be part of a cross. */
export const isCrossable = ({ type }: CompiledField): boolean => fieldOf(type).crossable === true;

/** True for fields with several keys per row, which are combined. */
export const isBag = (field: CompiledField): field is Extract<CompiledField, { max_length: number }> =>
  fieldOf(field.type).cell === "bag";

/** True for fields that are columns of the dense matrix `numbers`. */
export const isNumber = (field: CompiledField): field is Extract<CompiledField, { missing: number }> =>
  fieldOf(field.type).cell === "number";

/** What affects a field's decoded values: its name, its type, and those of its members that the decoder reads. */
export function decodedField({ name, type, ...options }: CompiledField) {
  return { name, type, ...(fieldOf(type).decoded?.(options) ?? options) };
}

/** How a bag's items are combined; for any other field "sum", of its single key. */
export const combinerOf = (field: CompiledField | undefined): Combiner =>
  field && isBag(field) ? field.combiner : "sum";

/** The fields that a cross combines. */
export const partsOf = (field: CompiledField): readonly string[] => ("of" in field ? field.of : []);

/** Number of floats that a field feeds the tower directly. */
export const vectorOf = (field: CompiledField): number => ("take" in field ? field.take : 0);

type Kinds = typeof fieldKinds;

/** The types that a spec can write. */
export type WrittenType = { [K in FieldType]: Kinds[K] extends { compile: unknown } ? K : never }[FieldType];
export const writtenTypes = (Object.keys(fieldKinds) as FieldType[]).filter(
  (type): type is WrittenType => fieldOf(type).source !== undefined,
);

/** A field as a spec writes it. */
export type FieldSource = {
  [K in WrittenType]: { readonly name: string; readonly type: K } & Static<TObject<Kinds[K]["source"]>>;
}[WrittenType];

/** Resolves one field of a spec; problems go to the context. */
export function compileField(source: FieldSource, context: FieldContext): CompiledField {
  const kind = fieldKinds[source.type] as unknown as WrittenKind<TProperties, TProperties, CompiledField>;
  const field = kind.compile(source, context);
  const nulls = "null_values" in source ? compileNulls(source.null_values) : {};
  return { ...field, ...nulls };
}

/** The declared null values to keep: each text once, without the empty one, which always means missing. */
export function compileNulls(written: readonly (string | number)[] = []): { null_values?: string[] } {
  const null_values = [...new Set(written.map(String))].filter((text) => text !== "");
  return null_values.length === 0 ? {} : { null_values };
}

/** A field's type, for messages. */
export function calledType(field: CompiledField): string {
  return fieldOf(field.type).called?.(field) ?? `a ${field.type}`;
}
