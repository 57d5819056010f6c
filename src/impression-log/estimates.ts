/** The evidence of one logged request about a policy. */
export interface Judged {
  /** The policy's probability of what was shown, divided by that of the logging policy. */
  readonly weight: number;
  /** The reward of what was shown. */
  readonly reward: number;
  /** The model's expected reward for it. */
  readonly expected: number;
  /** The model's expected reward under the policy: the candidates' expectations weighted by their probabilities. */
  readonly direct: number;
}

/** A mean, and its standard error; null if there are too few requests. */
export interface Estimate {
  /** Reward per request. */
  readonly value: number;
  /** Its standard error. */
  readonly error: number | null;
}

/** What a policy would have earned. */
export interface PolicyValue {
  /** What the logging policy earned. */
  readonly logged: Estimate;
  /** Inverse propensity scoring: unbiased, with a large variance if the policies differ. */
  readonly ips: Estimate;
  /** The same, divided by the sum of the weights: slightly biased, smaller variance. */
  readonly snips: Estimate;
  /** Doubly robust: the model's expectation, corrected by its weighted errors. Unbiased even if the model is poor. */
  readonly doubly_robust: Estimate;
  /** The model's expectation: as good as the model. */
  readonly direct: Estimate;
  /** Mean of the weights: 1 within its error if the propensities are right. */
  readonly mean_weight: Estimate;
  /** The largest weight. */
  readonly max_weight: number;
  /** Number of requests under the policy itself that would be equally informative. */
  readonly effective_requests: number;
}

/** Running mean with its standard error (Welford 1962). */
class Mean {
  private count = 0;
  private mean = 0;
  private squares = 0;

  add(x: number): void {
    const off = x - this.mean;
    this.mean += off / ++this.count;
    this.squares += off * (x - this.mean);
  }

  get estimate(): Estimate {
    const { count, mean, squares } = this;
    return { value: mean, error: count > 1 ? Math.sqrt(squares / (count - 1) / count) : null };
  }
}

/** Estimates a policy's value from a log of requests. */
export class PolicyEstimates {
  private readonly means = {
    logged: new Mean(),
    ips: new Mean(),
    doubly_robust: new Mean(),
    direct: new Mean(),
    mean_weight: new Mean(),
  };
  private count = 0;
  private most = 0;
  /** Sums over weights w and rewards r: w, w², w²r, w²r², wr. */
  private readonly sums = { w: 0, ww: 0, wwr: 0, wwrr: 0, wr: 0 };

  /** Requests judged. */
  get requests(): number {
    return this.count;
  }

  add({ weight, reward, expected, direct }: Judged): void {
    const { means, sums } = this;
    this.count++;
    this.most = Math.max(this.most, weight);
    means.logged.add(reward);
    means.ips.add(weight * reward);
    means.doubly_robust.add(direct + weight * (reward - expected));
    means.direct.add(direct);
    means.mean_weight.add(weight);
    sums.w += weight;
    sums.ww += weight * weight;
    sums.wr += weight * reward;
    sums.wwr += weight * weight * reward;
    sums.wwrr += weight * weight * reward * reward;
  }

  value(): PolicyValue {
    const { means, sums, most } = this;
    return {
      logged: means.logged.estimate,
      ips: means.ips.estimate,
      snips: this.normalized(),
      doubly_robust: means.doubly_robust.estimate,
      direct: means.direct.estimate,
      mean_weight: means.mean_weight.estimate,
      max_weight: most,
      effective_requests: sums.ww > 0 ? sums.w ** 2 / sums.ww : 0,
    };
  }

  /** Standard error of the ratio by the delta method. */
  private normalized(): Estimate {
    const { w, ww, wwr, wwrr, wr } = this.sums;
    if (w === 0) return { value: 0, error: null };
    const value = wr / w;
    const squares = Math.max(0, wwrr - 2 * value * wwr + value * value * ww);
    return { value, error: this.count > 1 ? Math.sqrt(squares) / w : null };
  }
}
