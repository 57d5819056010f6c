import { aboveZero, atLeastZero, closed, optional } from "../schema/basics.js";
import * as compiled from "../schema/compiled.js";
import { listed, type Problems } from "../schema/problems.js";
import { type Static, Type } from "../schema/typebox.js";
import type { OptimizerSpec } from "../spec/compiled.js";

/** Knobs that a spec leaves out. */
export const defaults = {
  ftrl: { alpha: 0.2, beta: 0.05, l1: 0, l2: 0, l21: 0 },
  adagrad: { learning_rate: 0.05, initial_accumulator: 0, epsilon: 1e-10 },
  rowwise_adagrad: { learning_rate: 0.05, initial_accumulator: 0, epsilon: 1e-10 },
  adam: { learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  sgd: { learning_rate: 0.05 },
} as const;
/** FTRL where every gradient is one event's (lr, fm) or the sum over a linear part (wide): slower, more damped. */
const linearFtrl = { alpha: 0.1, beta: 1 };
/** Where those hold. */
const EVENTS = "lr, fm, wide";

const rate = (value: number) => optional(aboveZero("Learning rate.", value));
const adagradKnobs = (kind: "adagrad" | "rowwise_adagrad") => ({
  learning_rate: rate(defaults[kind].learning_rate),
  initial_accumulator: optional(
    atLeastZero("Sum of squared gradients to start from.", defaults[kind].initial_accumulator),
  ),
  epsilon: optional(aboveZero("Added to the root of the sum.", defaults[kind].epsilon)),
});
const decay = (description: string, value: number) =>
  optional(Type.Number({ minimum: 0, exclusiveMaximum: 1, default: value, description }));
const { ftrl, adam, sgd } = defaults;

const OptimizerKnobs = {
  ftrl: optional(
    Type.Object(
      {
        alpha: optional(aboveZero(`Learning rate. Default ${ftrl.alpha}; ${EVENTS}: ${linearFtrl.alpha}.`, ftrl.alpha)),
        beta: optional(
          atLeastZero(
            `Damps the first steps of a coordinate. Default ${ftrl.beta}; ${EVENTS}: ${linearFtrl.beta}.`,
            ftrl.beta,
          ),
        ),
        l1: optional(atLeastZero("Lasso: makes weights exactly zero.", ftrl.l1)),
        l2: optional(atLeastZero("Ridge: shrinks weights.", ftrl.l2)),
        l21: optional(atLeastZero("Group lasso: makes whole rows exactly zero.", ftrl.l21)),
      },
      { ...closed, description: "FTRL-Proximal (McMahan 2013); with l21 > 0 group-lasso FTRL." },
    ),
  ),
  adagrad: optional(
    Type.Object(adagradKnobs("adagrad"), { ...closed, description: "AdaGrad, one accumulator a coordinate." }),
  ),
  rowwise_adagrad: optional(
    Type.Object(adagradKnobs("rowwise_adagrad"), { ...closed, description: "AdaGrad, one accumulator a row." }),
  ),
  adam: optional(
    Type.Object(
      {
        learning_rate: rate(adam.learning_rate),
        beta1: decay("Decay of the first moment.", adam.beta1),
        beta2: decay("Decay of the second moment.", adam.beta2),
        epsilon: optional(aboveZero("Added to the root of the second moment.", adam.epsilon)),
      },
      { ...closed, description: "Adam." },
    ),
  ),
  sgd: optional(
    Type.Object({ learning_rate: rate(sgd.learning_rate) }, { ...closed, description: "Plain gradient steps." }),
  ),
};

/** An optimizer as a spec gives it. @param value its default */
export const optimizer = (value: string | object) =>
  optional(
    Type.Union(
      [
        Type.Enum(["ftrl", "adagrad", "rowwise_adagrad", "adam", "sgd"], {
          description: "An optimizer with its defaults.",
        }),
        Type.Object(OptimizerKnobs, { ...closed, description: "One optimizer with its knobs." }),
      ],
      {
        default: value,
        description: `The optimizer. Default ${typeof value === "string" ? value : JSON.stringify(value)}.`,
      },
    ),
  );

export type OptimizerSource = Static<ReturnType<typeof optimizer>>;

const adagrad = {
  learning_rate: compiled.aboveZero,
  initial_accumulator: compiled.atLeastZero,
  epsilon: compiled.aboveZero,
};
const fraction = Type.Number({ minimum: 0, exclusiveMaximum: 1 });
/** An optimizer as a compiled spec keeps it. */
export const Optimizer = Type.Union([
  Type.Object(
    {
      kind: Type.Literal("ftrl"),
      alpha: compiled.aboveZero,
      beta: compiled.atLeastZero,
      l1: compiled.atLeastZero,
      l2: compiled.atLeastZero,
      l21: compiled.atLeastZero,
    },
    closed,
  ),
  Type.Object({ kind: Type.Literal("adagrad"), ...adagrad }, closed),
  Type.Object({ kind: Type.Literal("rowwise_adagrad"), ...adagrad }, closed),
  Type.Object(
    {
      kind: Type.Literal("adam"),
      learning_rate: compiled.aboveZero,
      beta1: fraction,
      beta2: fraction,
      epsilon: compiled.aboveZero,
    },
    closed,
  ),
  Type.Object({ kind: Type.Literal("sgd"), learning_rate: compiled.aboveZero }, closed),
]);

/**
 * Resolves an optimizer: its name alone, or its name and some of its knobs.
 * @param linear whether it is for single weights, whose FTRL has defaults of its own
 */
export function compileOptimizer(
  source: OptimizerSource,
  path: string,
  problems: Problems,
  linear = false,
): OptimizerSpec {
  const kinds = Object.keys(defaults) as OptimizerSpec["kind"][];
  const named = typeof source === "string" ? [source] : kinds.filter((kind) => source[kind] !== undefined);
  if (named.length !== 1) problems.add(path, "must name exactly one optimizer", `one of ${listed(kinds)}`);
  const kind = named[0] ?? "ftrl";
  const knobs = typeof source === "string" ? {} : source[kind];
  const own = linear && kind === "ftrl" ? linearFtrl : {};
  return { kind, ...defaults[kind], ...own, ...knobs } as OptimizerSpec;
}
