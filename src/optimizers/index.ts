import type { Slot } from "../core/row-layout.js";
import type { Compiled } from "../schema/typebox.js";
import { adagrad } from "./adagrad.js";
import { adam } from "./adam.js";
import { ftrl } from "./ftrl.js";
import type { Kind } from "./kind.js";
import { rowwiseAdagrad } from "./rowwise_adagrad.js";
import { sgd } from "./sgd.js";

/** Every optimizer, by its name in a spec. */
export const optimizers = { ftrl, adagrad, rowwise_adagrad: rowwiseAdagrad, adam, sgd };

export type OptimizerKind = keyof typeof optimizers;
export const optimizerKinds = Object.keys(optimizers) as OptimizerKind[];

/** The default optimizers of rows and of a tower's dense weights. */
export const usualOptimizer = { table: "ftrl", tower: "adam" } as const satisfies Record<string, OptimizerKind>;

/** An optimizer's kind and knobs, as a compiled spec keeps them. */
export type OptimizerSpec = {
  [K in OptimizerKind]: { readonly kind: K } & Compiled<(typeof optimizers)[K]["compiled"]>;
}[OptimizerKind];

/** What tables and the kernel need to know about an optimizer. */
export interface Optimizer {
  /** Its number in src/kernels/assembly/table/optimizers/index.ts. */
  readonly id: number;
  /** In the order of a row. The first is "w", or "z" if weights are derived from other slots. */
  readonly slots: readonly Slot[];
  /** Hyper-parameters in the kernel's order; unused ones are 0. */
  readonly hyper: readonly [number, number, number, number, number];
  /** True when the step count is part of the state. */
  readonly countsSteps: boolean;
  /** True when it treats rows as a whole, not only weight by weight. */
  readonly wholeRows: boolean;
}

/** The description of a kind. */
export const optimizerOf = (kind: OptimizerKind): Kind => optimizers[kind];

/** The optimizer a spec names. */
export function optimizerFor(spec: OptimizerSpec): Optimizer {
  const kind = optimizerOf(spec.kind);
  const [h0, h1 = 0, h2 = 0, h3 = 0, h4 = 0] = kind.hyper(spec);
  return {
    id: kind.number(spec),
    slots: kind.slots,
    hyper: [h0, h1, h2, h3, h4],
    countsSteps: kind.countsSteps === true,
    wholeRows: kind.wholeRows?.(spec) === true,
  };
}

/** True if rows hold their weights; false if these are derived from other slots. */
export const storesWeights = (kind: OptimizerKind): boolean => optimizerOf(kind).slots[0].name === "w";

/** The optimizers whose rows of `dim` weights have fewer floats of state. */
export function lighterThan(kind: OptimizerKind, dim: number): OptimizerKind[] {
  const floats = (other: OptimizerKind) =>
    optimizerOf(other).slots.reduce((sum, { shared }) => sum + (shared ? 1 : dim), 0);
  return optimizerKinds.filter((other) => floats(other) < floats(kind));
}

/** True if the optimizer can make whole rows zero. */
export const emptiesRows = (spec: OptimizerSpec): boolean => optimizerOf(spec.kind).emptiesRows?.(spec) === true;

/** A spec's learning rate: the option's name, its value, and its ratio to the default. */
export function learningRate(spec: OptimizerSpec): { knob: string; value: number; times: number } {
  const { rate, defaults } = optimizerOf(spec.kind);
  const value = (spec as unknown as Record<string, number>)[rate];
  return { knob: rate, value, times: value / (defaults as Record<string, number>)[rate] };
}
