import type { Compiled, TProperties } from "../schema/typebox.js";
import type { EncodingBase } from "../tables/spec.js";
import { compositional } from "./compositional/spec.js";
import { dhe } from "./dhe/spec.js";
import { exact } from "./exact/spec.js";
import { hash } from "./hash/spec.js";
import { hotCold } from "./hot_cold/spec.js";
import type { AnyKind, AnyOwn, Inner } from "./kind.js";
import { lowDim } from "./low_dim/spec.js";
import { multiHash } from "./multi_hash/spec.js";
import { shared } from "./shared/spec.js";

/** Every encoding, by its name in a spec. */
export const encodings = {
  hash,
  exact,
  shared,
  compositional,
  multi_hash: multiHash,
  dhe,
  hot_cold: hotCold,
  low_dim: lowDim,
};

export type EncodingKind = keyof typeof encodings;
export const encodingKinds = Object.keys(encodings) as EncodingKind[];

/** The default encoding of tables, and that of the linear part beside a tower. */
export const usual = { table: "exact", wide: "hash" } as const satisfies Record<string, EncodingKind>;

/** The description of a kind. */
export const kindOf = (kind: string): AnyKind => encodings[kind as EncodingKind];

/** The kinds that satisfy a predicate, in the order of the registry. */
export const kindsThat = (is: (kind: AnyKind) => unknown): EncodingKind[] =>
  encodingKinds.filter((kind) => is(kindOf(kind)));

/** The kinds without a nested encoding, which can be nested themselves. */
export const plainKinds = kindsThat(({ inner }) => !inner);

type Registry = typeof encodings;
type OwnOptions = {
  readonly [K in EncodingKind as Registry[K] extends { readonly compiled: TProperties }
    ? K
    : never]?: Registry[K] extends {
    readonly compiled: infer C extends TProperties;
  }
    ? Compiled<C> & Inside<Registry[K]>
    : never;
};
type Inside<K> = K extends { readonly inner: Inner<infer I> } ? { readonly [P in I]: EncodingSpec } : unknown;

/** How keys become vectors: a table without its cells. Includes the options of its own kind. */
export type EncodingSpec = EncodingBase & { readonly encoding: EncodingKind } & OwnOptions;

/** The options of an encoding's own kind. */
export function ownOptions(spec: EncodingBase): AnyOwn {
  return (spec as unknown as Record<string, AnyOwn>)[spec.encoding] ?? {};
}

/** The encoding nested in one, if there is one. */
export function insideOf(spec: EncodingBase): EncodingBase | undefined {
  const { inner } = kindOf(spec.encoding);
  return inner && (ownOptions(spec) as unknown as Record<string, EncodingBase>)[inner.option];
}

/** Bytes of an encoding when it is full: rows with optimizer state, index, sketch, decoder. */
export function encodingBytes(spec: EncodingBase): number {
  return kindOf(spec.encoding).bytes(ownOptions(spec), spec, encodingBytes);
}
