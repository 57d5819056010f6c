import type { Compiled, TProperties } from "../../schema/typebox.js";
import { attention } from "./attention.js";
import type { Pooling } from "./kind.js";

/** Every pooling, by its name in a spec. */
export const poolings = {
  attention,
};

export type PoolingKind = keyof typeof poolings;
export const poolingKinds = Object.keys(poolings) as PoolingKind[];

/** A pooling in a compiled spec, including its own options. */
export type CompiledPooling = {
  readonly kind: PoolingKind;
  /** The bag that is pooled. */
  readonly over: string;
  /** The field whose vector is the query. */
  readonly query: string;
} & Compiled<TProperties>;

/** The description of a kind. */
export const poolingOf = (kind: PoolingKind): Pooling => poolings[kind];
