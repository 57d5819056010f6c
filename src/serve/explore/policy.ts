import { HashbrookError } from "../../core/errors.js";
import { Rng } from "../../core/rng.js";
import { xxh64 } from "../../kernels/hash.js";
import type { Scored } from "../threads/engine.js";
import { epsilonGreedy } from "./epsilon-greedy.js";
import { softmax } from "./softmax.js";
import { thompson } from "./thompson.js";

/** A randomised order of a request's candidates. */
export interface Drawn {
  /** The policy, as given to `--explore`. */
  readonly policy: string;
  /** Each candidate's rank in the order, from 1. */
  readonly rank: Uint32Array;
  /** The probability that a candidate comes first; they sum to 1. */
  readonly propensity: Float64Array;
}

/** The input of a policy. */
export interface Drawing {
  /** ln(p / (1 - p)) of each candidate. */
  readonly logits: Float64Array;
  /** Standard deviations of the logits, if the policy needs them. */
  readonly deviations: Float32Array | undefined;
  readonly rng: Rng;
}

/** A drawn order: candidates' indices by rank; and each candidate's probability to come first. */
export interface Order {
  readonly order: readonly number[];
  readonly propensity: Float64Array;
}

/** A method to draw orders. */
export type Policy = (drawing: Drawing) => Order;

/** Draws the orders of requests' candidates. */
export class Explorer {
  /** As written. */
  readonly text: string;
  /** The precision (1 / variance) of a weight without events, if the policy uses the weights' uncertainty. */
  readonly prior: number | undefined;
  private readonly policy: Policy;

  private constructor(text: string, policy: Policy, prior?: number) {
    this.text = text;
    this.policy = policy;
    this.prior = prior;
  }

  /**
   * @param text `epsilon-greedy:E`, `softmax:T`, `thompson` or `thompson:PRIOR`
   * @param hint the accepted texts, for the error
   * @throws HashbrookError usage
   */
  static of(text: string, hint = WAYS): Explorer {
    const [kind, given, ...more] = text.split(":");
    const value = given === undefined ? undefined : number(given);
    if (more.length === 0 && kind === "epsilon-greedy" && value !== undefined && value <= 1)
      return new Explorer(text, epsilonGreedy(value));
    if (more.length === 0 && kind === "softmax" && value) return new Explorer(text, softmax(value));
    if (more.length === 0 && kind === "thompson" && (given === undefined || value))
      return new Explorer(text, thompson, value ?? 1);
    throw new HashbrookError("usage", `${text}: unknown exploration policy`, { hint });
  }

  /** The same request id and scores give the same order. */
  draw(request: string, { scores, deviations }: Pick<Scored, "scores" | "deviations">): Drawn {
    const logits = Float64Array.from(scores, logitOf);
    const rng = new Rng(Number(BigInt.asUintN(32, xxh64(request, SEED))));
    const { order, propensity } = this.policy({ logits, deviations, rng });
    const rank = new Uint32Array(scores.length);
    order.forEach((candidate, place) => {
      rank[candidate] = place + 1;
    });
    return { policy: this.text, rank, propensity };
  }
}

const WAYS = "use epsilon-greedy:E with E from 0 to 1, softmax:T with T above 0, or thompson";
const SEED = 0x6578706c6f7265n; // "explore"
/** Stands for the logit of a probability of 0 or 1: about that of the nearest float. */
const MOST = 100;

/** ln(p / (1 - p)). */
export function logitOf(p: number): number {
  return Math.min(MOST, Math.max(-MOST, Math.log(p) - Math.log1p(-p)));
}

/** A number of at least 0; undefined for anything else. */
function number(text: string): number | undefined {
  const value = /^\d*\.?\d+(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(value) ? value : undefined;
}
