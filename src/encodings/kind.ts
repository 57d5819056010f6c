import type { Problems } from "../schema/problems.js";
import type { Compiled, Static, TObject, TProperties } from "../schema/typebox.js";
import type { Encoding, EncodingOptions } from "../tables/encoding.js";
import type { EncodingBase, StoreSpec, TableOptions } from "../tables/spec.js";

/** The options of a nested encoding, as a spec gives them. */
export type InnerSource = TableOptions & { readonly encoding?: string };

/** A kind's own options in a spec, by their schema; `I` is the option of its nested encoding. */
export type Given<S extends TProperties, I extends string = never> = Static<TObject<S>> & { [K in I]?: InnerSource };

/** The same, compiled. */
export type Own<C extends TProperties, I extends string = never> = Compiled<C> & { readonly [K in I]: EncodingBase };

/** The context in which a kind's options are compiled. */
export interface OwnContext {
  /** Their place in the spec. */
  readonly path: string;
  readonly problems: Problems;
  /**
   * Compiles the nested encoding; dim, seed, optimizer and initial values are inherited by default.
   * @param share its share of the budget, if it has rows and gives no number of them
   */
  inner(source: InnerSource, share: number): EncodingBase;
}

/** A table that is to be split into one per field. */
export interface Whole {
  readonly name: string;
  readonly dim: number;
  readonly source: TableOptions & { readonly encoding?: string };
  /** Names of its fields. */
  readonly fields: readonly string[];
}

/** The table of one field. */
export interface FieldTable {
  readonly field: string;
  readonly name: string;
  readonly source: Whole["source"];
}

/** An encoding nested in another one. */
export interface Inner<I extends string = string> {
  /** The option that describes it. */
  readonly option: I;
  /** Its default. */
  readonly encoding: string;
  /** What it encodes, such as "cold ids". */
  readonly description: string;
}

/**
 * The description of a kind of encoding: its options in a spec and in a compiled spec, what follows from them, its
 * bytes, and, loaded on demand, the implementation. `S` and `C` are the schemas of the options under its own name.
 */
export interface Kind<S extends TProperties, C extends TProperties, I extends string = never> {
  /** A description for the schema. */
  readonly description: string;
  /** "fixed": a number of rows that a spec or its budget gives; "growing": one per key; "none". */
  readonly rows: "fixed" | "growing" | "none";
  /**
   * It consists of rows only, one per key: they can be split into `shards`, and used by models that learn event by
   * event.
   */
  readonly store?: true;
  /** Vectors come from a network, whose weights all keys share. */
  readonly decodes?: true;
  /** Its rows can be created and evicted, so `admission`, `eviction` and a runtime budget apply. */
  readonly lifecycle?: true;
  /** What it does depends on the stream's clock (`StreamTime`), which is then part of a checkpoint. */
  readonly timed?: true;
  /** Default of `salt`. */
  readonly salt?: "field";
  /** What to do about a budget that is too small, if fewer rows would not help. */
  readonly remedy?: string;
  /** Its own options in a spec, all optional. Absent: it has none. */
  readonly source?: S;
  /** Its own options in a compiled spec. */
  readonly compiled?: C;
  readonly inner?: Inner;
  /** Resolves its own options that do not depend on the number of rows. */
  compile?(given: Given<S, I>, context: OwnContext): Own<C, I>;
  /** "fixed": what follows from a number of rows. */
  sized?(own: Own<C, I>, rows: number, given: Given<S, I>): { readonly rows: number; readonly own: Own<C, I> };
  /** "fixed": whether its own options give the number of rows. Default: never. */
  givesRows?(given: Given<S, I>): boolean;
  /** Reports contradictions among its options. `path` is the table's. */
  check?(own: Own<C, I>, spec: EncodingBase, path: string, problems: Problems): void;
  /** "fixed": the store of its rows. Default: rows of the table's dim. */
  pool?(own: Own<C, I>, spec: EncodingBase): StoreSpec;
  /** Floats of a row. Default: the table's dim. */
  rowDim?(own: Own<C, I>, spec: EncodingBase): number;
  /**
   * Bytes when it is full: rows with optimizer state, index, sketch, decoder. `inner`: the same for another encoding.
   */
  bytes(own: Own<C, I>, spec: EncodingBase, inner: (spec: EncodingBase) => number): number;
  /** The tables that its options split one into, if they do. */
  split?(given: Given<S, I>, whole: Whole, path: string, problems: Problems): readonly FieldTable[] | undefined;
  /**
   * Creates an untrained one.
   * @param encode creates the nested encoding
   * @throws HashbrookError table_full when its first rows do not fit
   */
  create(
    spec: EncodingBase,
    own: Own<C, I>,
    options: EncodingOptions,
    encode: (spec: EncodingBase, options: EncodingOptions) => Promise<Encoding>,
  ): Promise<Encoding>;
}

/** The type common to all kinds. */
export type AnyKind = Kind<TProperties, TProperties>;
export type AnyGiven = Given<TProperties>;
export type AnyOwn = Own<TProperties>;

/** Describes a kind that consists of rows only, and has no options of its own. */
export function store(kind: Omit<AnyKind, "store" | "source" | "compiled" | "inner">) {
  return { ...kind, store: true } as const;
}

/** Describes a kind with options of its own; checks its types. */
export function encoding<S extends TProperties, C extends TProperties>(
  kind: Kind<S, C> & { readonly source: S; readonly compiled: C },
) {
  return kind;
}

/** The same for a kind with a nested encoding. */
export function nesting<S extends TProperties, C extends TProperties, I extends string>(
  kind: Kind<S, C, I> & { readonly source: S; readonly compiled: C; readonly inner: Inner<I> },
) {
  return kind;
}
