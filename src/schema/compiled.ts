/** Parts of the compiled spec's schema: what a checkpoint's spec is checked with. They have no descriptions and no defaults. */
import { type TSchema, Type } from "./typebox.js";

export const text = Type.String({ minLength: 1 });
export const count = (maximum: number) => Type.Integer({ minimum: 1, maximum });
export const orNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
export const atLeastZero = Type.Number({ minimum: 0 });
export const aboveZero = Type.Number({ exclusiveMinimum: 0 });
/** Above 0 and below 1. */
export const share = Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 });
/** A number of rows. */
export const rows = count(2 ** 32 - 1);
/** Texts that mean that a value is missing. */
export const nullValues = Type.Array(text, { minItems: 1, maxItems: 64 });
/** A 64-bit number. */
export const hex = Type.String({ pattern: "^[0-9a-f]{16}$" });
/** Of layers. */
export const widths = Type.Array(count(4096), { maxItems: 64 });
