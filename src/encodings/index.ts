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

/** Every encoding, by the word that a spec names it with. */
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

/** A table's encoding where a spec names none, and that of the linear part beside a tower. */
export const usual = { table: "exact", wide: "hash" } as const satisfies Record<string, EncodingKind>;

/** What there is to know of a kind. */
export const kindOf = (kind: string): AnyKind => encodings[kind as EncodingKind];

/** The kinds of which something is true, in the order of the registry. */
export const kindsThat = (is: (kind: AnyKind) => unknown): EncodingKind[] =>
  encodingKinds.filter((kind) => is(kindOf(kind)));

/** The kinds with no encoding inside: those that may be inside another. */
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

/** What turns keys into vectors: a table without the cells that use it. Of the kinds' own options, its kind's are there. */
export type EncodingSpec = EncodingBase & { readonly encoding: EncodingKind } & OwnOptions;

/** The options of an encoding's own kind. */
export function ownOptions(spec: EncodingBase): AnyOwn {
  return (spec as unknown as Record<string, AnyOwn>)[spec.encoding] ?? {};
}

/** Bytes an encoding takes when it is full: rows with their optimizer's state, index, sketch, decoder. */
export function encodingBytes(spec: EncodingBase): number {
  return kindOf(spec.encoding).bytes(ownOptions(spec), spec, encodingBytes);
}
