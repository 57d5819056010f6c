import type { Problems } from "../schema/problems.js";
import type { Compiled, Static, TObject, TProperties } from "../schema/typebox.js";

/** The common members of compiled fields. */
export interface Field {
  readonly name: string;
  readonly type: string;
}

/** A field's place in a spec, and where to report problems. */
export interface FieldContext {
  readonly name: string;
  /** The source of its value; "" for a type that reads other fields. */
  readonly from: string;
  /** `fields[3]` */
  readonly path: string;
  readonly problems: Problems;
}

/** The description of a field type: how a spec writes it, what a compiled spec stores, how tables and towers see it. */
export interface FieldKind<C extends TProperties = TProperties> {
  /** For types that a spec can write. Others are compiled from another type. */
  readonly description?: string;
  /** Its options in a spec, in addition to `name` and `type` (including `from` and `table`, if it has them). */
  readonly source?: TProperties;
  /**
   * Its members in a compiled spec, in addition to `name` and `type`; all are required. Some mean the same in every type,
   * and code elsewhere asks for them without asking for the type: `from` (the source of its value), `of` (the fields it
   * combines), `max_length` (items of a bag), `take` (floats that it feeds the tower directly), `length` (numbers in a
   * list), `boundaries` (of buckets), `null_values`.
   */
  readonly compiled: C;
  /** For types that a spec cannot write: the type that compiles to it. */
  readonly writtenAs?: string;
  /** Its role in a table: one key per row, many, or a constant key times its value. Absent: no table takes it. */
  readonly cell?: "single" | "bag" | "number";
  /**
   * How its value is read: as a text, a number, or a list of items. Absent if it has no value of its own, but reads
   * other fields.
   */
  readonly reads?: "text" | "number" | "items";
  /** True if its values are hashed: the distinct ones are counted. */
  readonly hashed?: true;
  /** True if its values are used as numbers. */
  readonly numeric?: true;
  /** True if it can be part of a cross. */
  readonly crossable?: true;
  /** True if it feeds the tower directly, without a table. */
  readonly dense?: true;
  /**
   * What the decoder reads of a compiled field's members: cached events serve every spec with the same ones. Default:
   * all. Members left out here are the model's alone.
   */
  decoded?(field: Compiled<C>): object;
  /** The meaning of a missing, null or empty value, in words. */
  whenMissing(field: Compiled<C>): string;
  /** Its name in messages, if that is more than `a <type>`. */
  called?(field: Compiled<C>): string;
  /** What a rejected list should have contained: "8 numbers". */
  expects?(field: Compiled<C>): string;
  /** What is inconsistent in a compiled field by itself, if anything; `compile` never makes such a field. */
  disagreement?(field: Compiled<C>): string | undefined;
}

/** A type that a spec can write, with options `S`. */
export interface WrittenKind<S extends TProperties, C extends TProperties, F extends Field> extends FieldKind<C> {
  readonly description: string;
  readonly source: S;
  /** Resolves one field; problems go to the context. */
  compile(source: Static<TObject<S>>, context: FieldContext): F;
}

/** Describes a type of field; checks its types. */
export function fieldKind<S extends TProperties, C extends TProperties, F extends Field>(
  kind: WrittenKind<S, C, F>,
): WrittenKind<S, C, F> {
  return kind;
}

/** Describes a type that only other types compile to. */
export function derivedKind<C extends TProperties>(kind: FieldKind<C>): FieldKind<C> {
  return kind;
}
