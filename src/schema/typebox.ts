/**
 * What specs are described with. A file of its own because the build puts the part of TypeBox that is used here into it: 680
 * small modules would cost every start, and every start of a thread, half a second.
 */
import * as typebox from "typebox";

export type { Static, TArray, TObject, TOptional, TProperties, TSchema, TUnion } from "typebox";

/** A type whose values nobody changes. */
export type Immutable<T> = unknown extends T
  ? T
  : T extends string | number | boolean | null | undefined
    ? T
    : { readonly [K in keyof T]: Immutable<T[K]> };

/** Part of a compiled spec, by the schemas of its keys. */
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
