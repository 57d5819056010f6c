import type { Slot } from "../core/row-layout.js";
import type { Compiled, TProperties } from "../schema/typebox.js";

/** What there is to say of a kind of optimizer: its knobs, what a row holds of it, what the kernel is told. */
export interface Kind<S extends TProperties = TProperties, C extends TProperties = TProperties> {
  readonly description: string;
  /** Its knobs in a spec, all optional. */
  readonly source: S;
  /** Its knobs in a compiled spec, all there. */
  readonly compiled: C;
  /** Of the knobs, where a spec leaves them out. */
  readonly defaults: Compiled<C>;
  /** The same where every gradient is one event's, or the sum over a linear part, and so larger: what differs. */
  readonly single?: Partial<Compiled<C>>;
  /** The knob that is its learning rate. */
  readonly rate: keyof C & string;
  /** What a row holds, in its order. The first is "w", or "z" where weights are derived from the others. */
  readonly slots: readonly Slot[];
  /** True when the step count is part of the state. */
  readonly countsSteps?: true;
  /** Does it look at whole rows, beyond each weight by itself? Default: no. */
  wholeRows?(knobs: Compiled<C>): boolean;
  /** Does it make whole rows zero? Default: no. */
  emptiesRows?(knobs: Compiled<C>): boolean;
  /** Its number in src/kernels/assembly/table/optimizers/index.ts. */
  number(knobs: Compiled<C>): number;
  /** Hyper-parameters in the order of the kernel's `configure`, at most five. */
  hyper(knobs: Compiled<C>): readonly number[];
}

/** Describes an optimizer; checks its types. */
export function optimizerKind<S extends TProperties, C extends TProperties>(kind: Kind<S, C>): Kind<S, C> {
  return kind;
}
