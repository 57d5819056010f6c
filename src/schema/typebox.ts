/**
 * The schema builders for specs. In a file of its own, so that the build can bundle the part of TypeBox that is used:
 * loading its 680 small modules would add half a second to the start of every process and thread.
 */
import * as typebox from "typebox";

export type { Static, TArray, TObject, TOptional, TProperties, TSchema, TUnion } from "typebox";

/** A deeply read-only type. */
export type Immutable<T> = unknown extends T
  ? T
  : T extends string | number | boolean | null | undefined
    ? T
    : { readonly [K in keyof T]: Immutable<T[K]> };

/** The type of a part of the compiled spec, from the schemas of its keys. */
export type Compiled<P extends typebox.TProperties> = Immutable<typebox.Static<typebox.TObject<P>>>;

/** The builders that schemas are made with. */
export const Type = {
  Array: typebox.Array,
  Boolean: typebox.Boolean,
  Enum: typebox.Enum,
  Integer: typebox.Integer,
  Literal: typebox.Literal,
  Null: typebox.Null,
  Number: typebox.Number,
  Object: typebox.Object,
  Optional: typebox.Optional,
  Record: typebox.Record,
  String: typebox.String,
  Tuple: typebox.Tuple,
  Union: typebox.Union,
  Unknown: typebox.Unknown,
  Unsafe: typebox.Unsafe,
};
