/** What a request of a log says of a policy. */
export interface Judged {
  /** The policy's probability of what was shown, over that of who showed it. */
  readonly weight: number;
  /** What came of what was shown. */
  readonly reward: number;
  /** What the model expected of it. */
  readonly expected: number;
  /** What the model expects of the policy: its candidates' expectations by their probabilities. */
  readonly direct: number;
}

/** A mean, and its standard error; null where there are too few requests. */
export interface Estimate {
  /** Reward a request. */
  readonly value: number;
  /** Its standard error. */
  readonly error: number | null;
}

/** What a policy would have earned. */
export interface PolicyValue {
  /** What was earned by who showed it. */
  readonly logged: Estimate;
  /** Inverse propensity scoring: without bias, and with much variance where the policies differ. */
  readonly ips: Estimate;
  /** The same over the sum of the weights: a small bias, less variance. */
  readonly snips: Estimate;
  /** Doubly robust: what the model expects, corrected by what it was wrong about, weighted. Without bias whatever the model is worth. */
  readonly doubly_robust: Estimate;
  /** What the model expects: as good as the model. */
  readonly direct: Estimate;
  /** Mean of the weights: 1 within their error where propensities are right. */
  readonly mean_weight: Estimate;
  /** The largest one. */
  readonly max_weight: number;
  /** Requests under the policy itself that would say as much. */
  readonly effective_requests: number;
}

/** Sums of numbers that give their mean and its error (Welford 1962). */
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

/** Judges a policy by a log of requests. */
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
  /** Of weights, their squares; of these times reward, and reward squared; of weights times reward. */
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

  /** The error of the ratio by the delta method. */
  private normalized(): Estimate {
    const { w, ww, wwr, wwrr, wr } = this.sums;
    if (w === 0) return { value: 0, error: null };
    const value = wr / w;
    const squares = Math.max(0, wwrr - 2 * value * wwr + value * value * ww);
    return { value, error: this.count > 1 ? Math.sqrt(squares) / w : null };
  }
}
