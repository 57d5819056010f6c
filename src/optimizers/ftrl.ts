import { aboveZero, atLeastZero, optional } from "../schema/basics.js";
import * as compiled from "../schema/compiled.js";
import { optimizerKind } from "./kind.js";

const FTRL = 0;
const FTRL_GROUP = 1;
const defaults = { alpha: 0.2, beta: 0.05, l1: 0, l2: 0, l21: 0 };
const single = { alpha: 0.1, beta: 1 };
const usual = (knob: "alpha" | "beta") =>
  `Default ${defaults[knob]}; ${single[knob]} in wide and in models that learn event by event.`;

/**
 * FTRL-Proximal (McMahan et al. 2013), with the group lasso over rows if l21 > 0 (Yue et al. 2021, with the denominator
 * (beta + sqrt(n)) / alpha + l2). Rows hold z and n; weights are derived. Rows start at the z that yields their initial
 * weights, which needs beta > 0 or l2 > 0 (else they start at 0).
 */
export const ftrl = optimizerKind({
  description: "FTRL-Proximal (McMahan 2013); with l21 > 0 group-lasso FTRL.",
  source: {
    alpha: optional(aboveZero(`Learning rate. ${usual("alpha")}`, defaults.alpha)),
    beta: optional(atLeastZero(`Damps the first steps of a weight. ${usual("beta")}`, defaults.beta)),
    l1: optional(atLeastZero("L1 regularization: sets weights exactly to zero.", defaults.l1)),
    l2: optional(atLeastZero("L2 regularization: shrinks weights.", defaults.l2)),
    l21: optional(atLeastZero("Group lasso: sets whole rows exactly to zero.", defaults.l21)),
  },
  compiled: {
    alpha: compiled.aboveZero,
    beta: compiled.atLeastZero,
    l1: compiled.atLeastZero,
    l2: compiled.atLeastZero,
    l21: compiled.atLeastZero,
  },
  defaults,
  single,
  rate: "alpha",
  slots: [{ name: "z" }, { name: "n", packed: "f16" }],
  wholeRows: ({ l21 }) => l21 > 0,
  emptiesRows: ({ l21 }) => l21 > 0,
  startsAtZero: ({ beta, l2 }) =>
    beta > 0 || l2 > 0 ? null : { options: "beta 0 and l2 0", hint: "set beta above 0" },
  number: ({ l21 }) => (l21 > 0 ? FTRL_GROUP : FTRL),
  hyper: ({ alpha, beta, l1, l2, l21 }) => [alpha, beta, l1, l2, l21],
});
