import { HashbrookError } from "../core/errors.js";
import type { Scores } from "./scorer.js";

/** Scores that JSON can hold. @throws HashbrookError internal: JSON would say null, and a client take it for a score */
export function finite(scored: Scores): Scores {
  const { scores, calibrated = [] } = scored;
  if (scores.every(Number.isFinite) && calibrated.every(Number.isFinite)) return scored;
  throw new HashbrookError("internal", "scores: the model gave a number that is not finite");
}
