import type { Problems } from "../schema/problems.js";
import type { Compiled, Static, TObject, TProperties } from "../schema/typebox.js";

/** What a compiled field of any type has. */
export interface Field {
  readonly name: string;
  readonly type: string;
}

/** Where a field stands in a spec, and where to report what is wrong with it. */
export interface FieldContext {
  readonly name: string;
  /** Where its value is. Of a type that reads other fields: "". */
  readonly from: string;
  /** `fields[3]` */
  readonly path: string;
  readonly problems: Problems;
}

/** What there is to say of a type of field: how a spec describes it, what a compiled spec keeps, what it is to tables and towers. */
export interface FieldKind<C extends TProperties = TProperties> {
  /** Of a type that a spec can write. Others are what another type compiles to. */
  readonly description?: string;
  /** Its options in a spec, beside `name` and `type` (`from` and `table` included, where it has them). */
  readonly source?: TProperties;
  /** Beside `name` and `type` in a compiled spec, all there. */
  readonly compiled: C;
  /** Of one that a spec cannot write: the type that compiles to it. */
  readonly writtenAs?: string;
  /** What it is in a table: one key a row, many, or a constant key times its value. Absent: no table takes it. */
  readonly cell?: "single" | "bag" | "number";
  /** How its value is read: as a text, a number, or a list of items. Absent where it has no value of its own, but other fields'. */
  readonly reads?: "text" | "number" | "items";
  /** True where its values are hashed: the distinct ones are counted. */
  readonly hashed?: true;
  /** True where its values are numbers as they are read. */
  readonly numeric?: true;
  /** True where crosses may be made of it. */
  readonly crossable?: true;
  /** True where it feeds a tower as it is, without a table. */
  readonly dense?: true;
  /** What it means that a value is missing, null or empty: for people. */
  whenMissing(field: Compiled<C>): string;
  /** How messages call it, where that is more than `a <type>`. */
  called?(field: Compiled<C>): string;
  /** What a list should have had that was rejected for what it has: "8 numbers". */
  expects?(field: Compiled<C>): string;
  /** What is wrong with a compiled field by itself, if anything: nothing that `compile` would make. */
  disagreement?(field: Compiled<C>): string | undefined;
}

/** A type that a spec can write, by its options `S`. */
export interface WrittenKind<S extends TProperties, C extends TProperties, F extends Field> extends FieldKind<C> {
  readonly description: string;
  readonly source: S;
  /** Resolves one field; what is wrong goes to the context's problems. */
  compile(source: Static<TObject<S>>, context: FieldContext): F;
}

/** Describes a type of field; checks its types. */
export function fieldKind<S extends TProperties, C extends TProperties, F extends Field>(
  kind: WrittenKind<S, C, F>,
): WrittenKind<S, C, F> {
  return kind;
}

/** Describes a type that only another one compiles to. */
export function derivedKind<C extends TProperties>(kind: FieldKind<C>): FieldKind<C> {
  return kind;
}
