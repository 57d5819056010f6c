import type { Compiled, TProperties } from "../../schema/typebox.js";
import { attention } from "./attention.js";
import type { Pooling } from "./kind.js";

/** Every pooling, by the word that a spec names it with. */
export const poolings = {
  attention,
};

export type PoolingKind = keyof typeof poolings;
export const poolingKinds = Object.keys(poolings) as PoolingKind[];

/** What a compiled spec keeps of a pooling, its own knobs among it. */
export type CompiledPooling = {
  readonly kind: PoolingKind;
  /** The bag that is pooled. */
  readonly over: string;
  /** The field whose vector asks. */
  readonly query: string;
} & Compiled<TProperties>;

/** What there is to know of a kind. */
export const poolingOf = (kind: PoolingKind): Pooling => poolings[kind];
