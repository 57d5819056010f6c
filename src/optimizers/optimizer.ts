import type { OptimizerSpec } from "../spec/compiled.js";
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

/** A slot with one float for every weight. */
export function perWeight(name: string): Slot {
  return { name, shared: false };
}

/** The spec of one kind of optimizer. */
export type SpecOf<Kind extends OptimizerSpec["kind"]> = Extract<OptimizerSpec, { kind: Kind }>;
