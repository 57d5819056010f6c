import type { Slot } from "../core/row-layout.js";
import type { Compiled, TProperties } from "../schema/typebox.js";

/** The description of a kind of optimizer: its options, what a row holds for it, the kernel's parameters. */
export interface Kind<S extends TProperties = TProperties, C extends TProperties = TProperties> {
  readonly description: string;
  /** Its options in a spec, all optional. */
  readonly source: S;
  /** Its options in a compiled spec, all required. */
  readonly compiled: C;
  /** Defaults of the options. */
  readonly defaults: Compiled<C>;
  /** Defaults that differ if every gradient is one event's, or the sum over a linear part, and so larger. */
  readonly single?: Partial<Compiled<C>>;
  /** The option that is its learning rate. */
  readonly rate: keyof C & string;
  /** The slots of a row, in order. The first is "w", or "z" if weights are derived from other slots. */
  readonly slots: readonly Slot[];
  /** True when the step count is part of the state. */
  readonly countsSteps?: true;
  /** Whether it treats rows as a whole, not only weight by weight. Default: no. */
  wholeRows?(knobs: Compiled<C>): boolean;
  /** Whether it can make whole rows zero. Default: no. */
  emptiesRows?(knobs: Compiled<C>): boolean;
  /** With which of its options weights that should start at random start at 0, and what to set instead. Default: null, none. */
  startsAtZero?(knobs: Compiled<C>): { readonly options: string; readonly hint: string } | null;
  /** Its number in src/kernels/assembly/table/optimizers/index.ts. */
  number(knobs: Compiled<C>): number;
  /** Hyper-parameters in the order of the kernel's `configure`, at most five. */
  hyper(knobs: Compiled<C>): readonly number[];
}

/** Describes an optimizer; checks its types. */
export function optimizerKind<S extends TProperties, C extends TProperties>(kind: Kind<S, C>): Kind<S, C> {
  return kind;
}
