import type { OptimizerSpec, StoreSpec } from "../spec/compiled.js";
import { adagrad } from "./adagrad.js";
import { adam } from "./adam.js";
import { ftrl } from "./ftrl.js";
import { rowwiseAdagrad } from "./rowwise-adagrad.js";
import { sgd } from "./sgd.js";

/** One named piece of a row's state: a float for every weight, or (`shared`) one float for the whole row. */
export interface Slot {
  readonly name: string;
  readonly shared: boolean;
}

/** What an optimizer is to the tables and to the kernel. */
export interface Optimizer {
  /** Its number in src/kernels/assembly/table/optimizer.ts. */
  readonly id: number;
  /** In the order they lie in a row. The first is "w", or "z" where weights are derived from the others (ftrl). */
  readonly slots: readonly Slot[];
  /** Hyper-parameters in the kernel's order. */
  readonly hyper: readonly [number, number, number, number, number];
  /** True when the step count is part of the state (Adam). */
  readonly countsSteps: boolean;
}

/** The optimizer a spec names. */
export function optimizerFor(spec: OptimizerSpec): Optimizer {
  switch (spec.kind) {
    case "ftrl":
      return ftrl(spec);
    case "adagrad":
      return adagrad(spec);
    case "rowwise_adagrad":
      return rowwiseAdagrad(spec);
    case "adam":
      return adam(spec);
    case "sgd":
      return sgd(spec);
  }
}

/** What rows can hold their weights in beside f32 while they learn. */
export type TrainingPrecision = NonNullable<StoreSpec["precision"]>;

/**
 * The precisions an optimizer can learn in. FTRL derives its weights from z, of which 8 bits are too few: 16 at least. A scale of a
 * row (int8) needs a row of several weights to pay.
 */
export function precisionsOf({ kind }: OptimizerSpec): readonly TrainingPrecision[] {
  return kind === "ftrl" ? ["f16", "q2.13"] : ["f16", "int8", "q2.13"];
}

/** A slot with one float for every weight. */
export function perWeight(name: string): Slot {
  return { name, shared: false };
}

/** The spec of one kind of optimizer. */
export type SpecOf<Kind extends OptimizerSpec["kind"]> = Extract<OptimizerSpec, { kind: Kind }>;
