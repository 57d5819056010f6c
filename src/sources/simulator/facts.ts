import type { Impression } from "./impression.js";

const BINS = 1 << 14;

/** Statistics of a simulated stream: the best result any model can reach, and how many ids there are to learn. */
export interface SimulatedFacts {
  /** Impressions. */
  readonly rows: number;
  /** Bytes of their text. */
  readonly bytes: number;
  /** Share of clicks. */
  readonly baseRate: number;
  /** AUC of the true click probability, from a histogram of 2^14 equal bins (ties in a bin count half). */
  readonly oracleAuc: number;
  /** Mean log loss of the true click probability, in nats. */
  readonly oracleLogloss: number;
  /** Ids that occurred, by kind. */
  readonly distinct: Readonly<Record<"user" | "site" | "ad" | "campaign" | "advertiser", number>>;
}

/** Computes the statistics of a stream, row by row. */
export class FactCounter {
  private readonly clicks = new Float64Array(BINS);
  private readonly others = new Float64Array(BINS);
  private readonly seen = {
    user: new Seen(),
    site: new Seen(),
    ad: new Seen(),
    campaign: new Seen(),
    advertiser: new Seen(),
  };
  private rows = 0;
  private loss = 0;

  add(row: Impression): void {
    this.rows++;
    const bin = Math.floor(row.oracle * BINS);
    (row.label ? this.clicks : this.others)[bin]++;
    this.loss -= Math.log(row.label ? row.oracle : 1 - row.oracle);
    if (row.user >= 0) this.seen.user.add(row.user);
    this.seen.site.add(row.site);
    this.seen.ad.add(row.ad);
    this.seen.campaign.add(row.campaign);
    this.seen.advertiser.add(row.advertiser);
  }

  result(): Omit<SimulatedFacts, "bytes"> {
    let clicks = 0;
    let others = 0;
    let ordered = 0;
    for (let i = 0; i < BINS; i++) {
      ordered += this.clicks[i] * (others + this.others[i] / 2);
      clicks += this.clicks[i];
      others += this.others[i];
    }
    const { user, site, ad, campaign, advertiser } = this.seen;
    return {
      rows: this.rows,
      baseRate: clicks / this.rows,
      oracleAuc: ordered / (clicks * others),
      oracleLogloss: this.loss / this.rows,
      distinct: {
        user: user.count,
        site: site.count,
        ad: ad.count,
        campaign: campaign.count,
        advertiser: advertiser.count,
      },
    };
  }
}

/** Counts distinct small integers. */
class Seen {
  count = 0;
  private marks = new Uint8Array(1 << 12);

  add(id: number): void {
    if (id >= this.marks.length) {
      const grown = new Uint8Array(2 * id);
      grown.set(this.marks);
      this.marks = grown;
    }
    this.count += 1 - this.marks[id];
    this.marks[id] = 1;
  }
}
