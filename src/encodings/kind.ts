import type { Problems } from "../schema/problems.js";
import type { Compiled, Static, TObject, TProperties } from "../schema/typebox.js";
import type { Encoding, EncodingOptions } from "../tables/encoding.js";
import type { EncodingBase, StoreSpec, TableOptions } from "../tables/spec.js";

/** The options of an encoding inside another one, as a spec gives them. */
export type InnerSource = TableOptions & { readonly encoding?: string };

/** A kind's own options in a spec, by their schema; `I` names the encoding inside. */
export type Given<S extends TProperties, I extends string = never> = Static<TObject<S>> & { [K in I]?: InnerSource };

/** The same, compiled. */
export type Own<C extends TProperties, I extends string = never> = Compiled<C> & { readonly [K in I]: EncodingBase };

/** What a kind compiles its options with. */
export interface OwnContext {
  /** Where they stand in the spec. */
  readonly path: string;
  readonly problems: Problems;
  /**
   * Compiles the encoding inside: of the same dim, seed, optimizer and start values, where it says nothing else.
   * @param share what it gets of the budget, where it has rows and names no number of them
   */
  inner(source: InnerSource, share: number): EncodingBase;
}

/** A table that is to become several, one for each field. */
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

/** An encoding inside another one. */
export interface Inner<I extends string = string> {
  /** The option that describes it. */
  readonly option: I;
  /** What it is where a spec does not say. */
  readonly encoding: string;
  /** What it encodes: "cold ids". */
  readonly description: string;
}

/**
 * What there is to say of a kind of encoding: its options in a spec and in a compiled spec, what follows from them, its bytes; and,
 * loaded when it is needed, what turns keys into vectors. `S` and `C` are the schemas of the options it has under its own name.
 */
export interface Kind<S extends TProperties, C extends TProperties, I extends string = never> {
  /** What it is, for the schema. */
  readonly description: string;
  /** A "fixed" number of rows, which a spec gives or its budget has room for; "growing": one for every key; or "none". */
  readonly rows: "fixed" | "growing" | "none";
  /** It is rows and nothing else, one a key: they may be split into `shards`, and models that learn event by event can have it. */
  readonly store?: true;
  /** A network makes the vectors, whose weights all keys share. */
  readonly decodes?: true;
  /** Its rows come and go: `admission`, `eviction` and a budget have a meaning while it learns. */
  readonly lifecycle?: true;
  /** Default of `salt`. */
  readonly salt?: "field";
  /** What to do about a budget that is too small, where fewer rows do not help. */
  readonly mend?: string;
  /** Its own options in a spec, all optional. None: it has none. */
  readonly source?: S;
  /** Its own options in a compiled spec. */
  readonly compiled?: C;
  readonly inner?: Inner;
  /** Resolves its own options, as far as they do not follow from the number of rows. */
  compile?(given: Given<S, I>, context: OwnContext): Own<C, I>;
  /** "fixed": what follows from a number of rows. */
  sized?(own: Own<C, I>, rows: number, given: Given<S, I>): { readonly rows: number; readonly own: Own<C, I> };
  /** "fixed": true where its own options give the number of rows. Default: never. */
  givesRows?(given: Given<S, I>): boolean;
  /** Reports what its options say against each other. `path` is the table's. */
  check?(own: Own<C, I>, spec: EncodingBase, path: string, problems: Problems): void;
  /** "fixed": the store that its rows are in. Default: rows of the table's dim. */
  pool?(own: Own<C, I>, spec: EncodingBase): StoreSpec;
  /** Floats of a row. Default: the table's dim. */
  rowDim?(own: Own<C, I>, spec: EncodingBase): number;
  /** Bytes it takes when it is full: rows with their optimizer's state, index, sketch, decoder. `inner`: the same of another one. */
  bytes(own: Own<C, I>, spec: EncodingBase, inner: (spec: EncodingBase) => number): number;
  /** The tables that its options make of one, where they do. */
  split?(given: Given<S, I>, whole: Whole, path: string, problems: Problems): readonly FieldTable[] | undefined;
  /**
   * Makes one with nothing learned.
   * @param encode makes the encoding inside
   * @throws HashbrookError table_full when its first rows do not fit
   */
  create(
    spec: EncodingBase,
    own: Own<C, I>,
    options: EncodingOptions,
    encode: (spec: EncodingBase, options: EncodingOptions) => Promise<Encoding>,
  ): Promise<Encoding>;
}

/** What is the same for every kind. */
export type AnyKind = Kind<TProperties, TProperties>;
export type AnyGiven = Given<TProperties>;
export type AnyOwn = Own<TProperties>;

/** Describes a kind of rows and nothing else, which has no options of its own. */
export function store(kind: Omit<AnyKind, "store" | "source" | "compiled" | "inner">) {
  return { ...kind, store: true } as const;
}

/** Describes a kind with options of its own; checks its types. */
export function encoding<S extends TProperties, C extends TProperties>(
  kind: Kind<S, C> & { readonly source: S; readonly compiled: C },
) {
  return kind;
}

/** The same of one that has another encoding inside. */
export function nesting<S extends TProperties, C extends TProperties, I extends string>(
  kind: Kind<S, C, I> & { readonly source: S; readonly compiled: C; readonly inner: Inner<I> },
) {
  return kind;
}
