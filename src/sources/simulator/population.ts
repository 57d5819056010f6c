import { cumulative, Draws, exp, mix, sigmoid, zipf } from "./math.js";
import * as names from "./names.js";

const PERSONAS = 12;
const ADVERTISERS = 1200;
const ADS_PER_CAMPAIGN = 5;
/** Number of running campaigns from which a new ad's campaign is drawn. */
const OPEN_CAMPAIGNS = 8;
const MAX_INTERESTS = 8;

const zipfShares = (n: number) => cumulative(Array.from({ length: n }, (_, i) => 1 / (i + 2)));
const countryShares = zipfShares(names.countries.length);
const siteCategoryShares = zipfShares(names.siteCategories.length);
const sizeShares = cumulative([6, 2, 1, 4, 1, 2, 3, 5]);
const deviceShares = cumulative([6, 3, 1, 0.5]);
/** Connections per device (indices of names.connections). */
const connectionShares = [
  [4, 8, 10, 6, 2, 0],
  [3, 10, 1, 1, 0, 12],
  [3, 14, 4, 2, 1, 0],
  [1, 10, 0, 0, 0, 8],
].map(cumulative);

/** Visible attributes of a user, and a random effect of the user. */
export interface User {
  age: number;
  gender: number;
  country: number;
  device: number;
  system: number;
  browser: number;
  connection: number;
  readonly interests: Uint8Array;
  interestCount: number;
  effect: number;
}

/** A site's category, its layout (first slot of a page) and its random effect. */
export interface Site {
  category: number;
  layout: number;
  effect: number;
}

/** An ad that is being shown. */
export interface Ad {
  readonly id: number;
  readonly campaign: number;
  readonly advertiser: number;
  readonly category: number;
  readonly size: number;
  readonly bid: number;
  /** Natural logarithm of the price, and the price in cents (−1: none). */
  readonly logPrice: number;
  readonly cents: number;
  /** Log-odds it adds for every user while new. */
  readonly quality: number;
  /** An external estimate of its click rate, in ten-thousandths. */
  readonly hint: number;
  /** When it appeared (ms). */
  readonly born: number;
}

/**
 * The entities of a simulated world. Attributes are functions of the seed and the entity's number, so the population
 * takes no memory, however large it grows. Users belong to hidden personas that correlate their attributes.
 */
export class Population {
  private readonly draws = new Draws();
  private readonly seed: (kind: number) => number;

  constructor(seed: number) {
    this.seed = (kind) => mix(seed, kind);
  }

  user(id: number, user: User): void {
    const draws = this.draws.of(this.seed(1), id);
    const persona = draws.below(PERSONAS);
    user.age = draws.uniform() < 0.08 ? 0 : draws.uniform() < 0.55 ? 1 + (persona % 6) : 1 + draws.below(6);
    user.gender = draws.uniform() < 0.06 ? 0 : draws.uniform() < (persona & 1 ? 0.8 : 0.25) ? 1 : 2;
    user.country = draws.pick(countryShares);
    user.device = draws.uniform() < 0.4 ? (persona >> 1) & 1 : draws.pick(deviceShares);
    const systems = names.systemsOf[user.device];
    user.system = systems[draws.below(systems.length)];
    const browsers = names.browsersOf[user.system];
    user.browser = browsers[draws.below(browsers.length)];
    user.connection = draws.pick(connectionShares[user.device]);
    user.effect = 0.1 * draws.normal();
    this.interests(user, persona);
  }

  private interests(user: User, persona: number): void {
    const draws = this.draws;
    const wanted = draws.uniform() < 0.15 ? 0 : 1 + draws.below(MAX_INTERESTS);
    user.interestCount = 0;
    for (let i = 0; i < wanted; i++) {
      const favourite =
        (persona * 2 + draws.below(3)) * names.TOPICS_PER_CATEGORY + draws.below(names.TOPICS_PER_CATEGORY);
      const topic = draws.uniform() < 0.6 ? favourite % names.topics.length : draws.below(names.topics.length);
      let known = 0;
      while (known < user.interestCount && user.interests[known] !== topic) known++;
      if (known === user.interestCount) user.interests[user.interestCount++] = topic;
    }
  }

  site(id: number, site: Site): void {
    const draws = this.draws.of(this.seed(2), id);
    site.category = draws.pick(siteCategoryShares);
    site.layout = draws.below(4);
    site.effect = 0.15 * draws.normal();
  }

  ad(id: number, born: number): Ad {
    const seed = this.seed;
    const draws = this.draws;
    const campaign = Math.max(0, Math.floor(id / ADS_PER_CAMPAIGN) - draws.of(seed(3), id).below(OPEN_CAMPAIGNS));
    const advertiser = zipf(draws.of(seed(4), campaign).uniform(), ADVERTISERS, 5, 3);

    draws.of(seed(5), advertiser);
    const ownCategory = draws.below(names.adCategories.length);
    const advertiserQuality = draws.normal();

    draws.of(seed(6), campaign);
    const category = draws.uniform() < 0.85 ? ownCategory : draws.below(names.adCategories.length);
    const campaignQuality = draws.normal();
    const campaignPrice = 2.2 + 0.08 * category + 0.7 * draws.normal();

    draws.of(seed(7), id);
    const quality = 0.3 * advertiserQuality + 0.2 * campaignQuality + 0.15 * draws.normal();
    const logPrice = campaignPrice + 0.3 * draws.normal();
    const bid = Math.floor(5 + 1.5 * advertiserQuality + draws.normal());
    return {
      id,
      campaign,
      advertiser,
      category,
      size: draws.pick(sizeShares),
      bid: Math.min(9, Math.max(0, bid)),
      logPrice,
      cents: draws.uniform() < 0.04 ? -1 : Math.round(exp(logPrice) * 100),
      quality,
      hint: Math.round(sigmoid(quality - 1.9 + 0.1 * draws.normal()) * 10_000),
      born,
    };
  }
}
