import { type Optimizer, perWeight, type SpecOf } from "./optimizer.js";

const FTRL = 0;
const FTRL_GROUP = 1;

/**
 * FTRL-Proximal (McMahan et al. 2013), with the group lasso over rows where l21 > 0 (Yue et al. 2021, with the denominator
 * (beta + sqrt(n)) / alpha + l2). Rows hold z and n; weights are derived. Rows start at the z that returns their initial
 * weights, which needs beta > 0 or l2 > 0 (else they start at 0).
 */
export function ftrl(spec: SpecOf<"ftrl">): Optimizer {
  return {
    id: spec.l21 > 0 ? FTRL_GROUP : FTRL,
    slots: [perWeight("z"), perWeight("n")],
    hyper: [spec.alpha, spec.beta, spec.l1, spec.l2, spec.l21],
    countsSteps: false,
  };
}
