import { Rng } from "../../core/rng.js";
import { DIMS, Effects } from "./effects.js";
import type { Impression } from "./impression.js";
import { cumulative, sigmoid, triangle, zipf } from "./math.js";
import * as names from "./names.js";
import { type Ad, Population, type Site, type User } from "./population.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const FIRST_USERS = 250_000;
/** One in this many visits is by a new user. */
const VISITS_PER_NEW_USER = 16;
const SITES = 5_000;
const ADS_SHOWN = 6_000;
/** After every this many impressions one ad is retired and a new one added. */
const ROWS_PER_NEW_AD = 140;
const ANONYMOUS = 0.03;
/** Log-odds of a click at average effects. */
const INTERCEPT = -2.25;
/** Log-odds for zero, one, two, three of the user's interests in the ad's category. */
const MATCH = [-0.05, 0.25, 0.35, 0.4];
/** Visits by UTC hour, 1 on average. */
const TRAFFIC = Array.from({ length: 24 }, (_, hour) => 1 + 0.6 * triangle((hour - 19) / 24));
const pageShares = cumulative([4, 3, 2, 1]);

/** How time passes in a simulated stream. */
export interface SimulatorOptions {
  /** Time of the first impression, ms since the epoch. Default: Monday 2025-01-06 00:00 UTC. */
  readonly start?: number;
  /** Impressions per simulated day. Default 300,000. */
  readonly rowsPerDay?: number;
}

/**
 * A seeded stream of ad impressions with a known click probability. Page visits by Zipf-distributed users on
 * Zipf-distributed sites show one to four ads each; users join, ads are added, wear out and are retired, and
 * preferences drift. The log-odds are a sum of main effects, of latent factors of user, page and hour groups times the
 * appeal of ads (low rank), and of nonlinear and joint effects of numbers, so no linear model of the columns reaches
 * the oracle.
 *
 * `next` generates the next impression into `row`. Nothing depends on the machine: the same seed gives the same rows
 * everywhere.
 */
export class Simulator {
  readonly row: Impression;
  private readonly rng: Rng;
  private readonly effects: Effects;
  private readonly population: Population;
  private readonly ads: Ad[] = [];
  private readonly user: User;
  private readonly site: Site = { category: 0, layout: 0, effect: 0 };
  private readonly taste = new Float64Array(DIMS);
  private readonly visitMs: number;
  /** Streams of different seeds share no event id (except for one pair of seeds in a million). */
  private readonly firstEvent: number;
  private nextAd = 0;
  private visits = 0;
  private leftOnPage = 0;
  private driftedAt = Number.NEGATIVE_INFINITY;
  /** Log-odds added by user, page and time. */
  private visitEffect = 0;
  private activity = 0;

  /** @param seed a 32-bit integer */
  constructor(seed: number, options: SimulatorOptions = {}) {
    const { start = 1_736_121_600_000, rowsPerDay = 300_000 } = options;
    this.rng = new Rng(seed);
    this.effects = new Effects(this.rng.next());
    this.population = new Population(this.rng.next());
    this.visitMs = (2 * DAY) / rowsPerDay;
    this.firstEvent = (seed % 2 ** 20) * 2 ** 32;
    this.row = { ...emptyImpression(start), event: this.firstEvent - 1 };
    this.user = { ...this.row, effect: 0 };
    for (let i = 0; i < ADS_SHOWN; i++) this.ads.push(this.newAd(start - this.rng.below(7 * DAY)));
  }

  /** Generates the next impression into `row`. */
  next(): void {
    const { row } = this;
    row.event++;
    const rows = row.event - this.firstEvent;
    if (this.leftOnPage === 0) this.visit();
    else row.slot = (row.slot + 1) % names.slots.length;
    this.leftOnPage--;
    if (rows % ROWS_PER_NEW_AD === 0) this.ads[this.rng.below(ADS_SHOWN)] = this.newAd(row.time);
    const ad = this.show();
    const logit = this.visitEffect + this.adEffect(ad) + this.jointEffect(ad);
    row.oracle = sigmoid(Math.max(-7, Math.min(7, logit)));
    row.label = this.rng.uniform() < row.oracle ? 1 : 0;
    row.views++;
  }

  private newAd(born: number): Ad {
    return this.population.ad(this.nextAd++, born);
  }

  /** Draws a page visit: time, user and site. */
  private visit(): void {
    const { row } = this;
    const rng = this.rng;
    const users = FIRST_USERS + Math.floor(this.visits++ / VISITS_PER_NEW_USER);
    const gap = (rng.uniform() + rng.uniform()) * this.visitMs;
    row.time += Math.round(gap / TRAFFIC[Math.floor(row.time / HOUR) % 24]);
    if (row.time - this.driftedAt >= HOUR) {
      this.driftedAt = row.time;
      this.effects.drift(row.time);
    }
    this.arrive(zipf(rng.uniform(), users, 30, 2));
    this.leftOnPage = 1;
    for (let u = rng.uniform(); u >= pageShares[this.leftOnPage - 1]; ) this.leftOnPage++;
    row.slot = (this.site.layout + rng.below(3)) % names.slots.length;
    this.visitEffect = this.visitEffects();
  }

  private arrive(id: number): void {
    const { row } = this;
    const rng = this.rng;
    const user = this.user;
    this.population.user(id, user);
    row.user = id;
    if (rng.uniform() < ANONYMOUS) {
      row.user = -1;
      user.age = 0;
      user.gender = 0;
      user.interestCount = 0;
      user.effect = 0;
    }
    row.age = user.age;
    row.gender = user.gender;
    row.country = user.country;
    row.device = user.device;
    row.system = user.system;
    row.browser = user.browser;
    row.connection = user.connection;
    row.interestCount = user.interestCount;
    const local = row.time + names.timeZones[row.country] * HOUR;
    row.hour = Math.floor(local / HOUR) % 24;
    row.day = (Math.floor(local / DAY) + 3) % 7;
    const spread = Math.sqrt(Math.sqrt(id + 30));
    this.activity = 3460 / (spread * spread * spread);
    row.views = row.user < 0 ? 0 : Math.floor(this.activity * (row.hour / 24) * (0.5 + rng.uniform()));
    row.site = zipf(rng.uniform(), SITES, 2, 3);
    this.population.site(row.site, this.site);
    row.siteCategory = this.site.category;
    row.query = this.queryLength();
  }

  /** Number of words searched for: always on search pages, sometimes on a few other kinds. */
  private queryLength(): number {
    const kind = names.siteCategories[this.row.siteCategory];
    const probability = kind === "search" ? 1 : kind === "video" || kind === "shopping" ? 0.5 : 0;
    const rng = this.rng;
    return rng.uniform() < probability ? 1 + rng.below(4) + rng.below(4) + (rng.below(8) === 0 ? rng.below(8) : 0) : -1;
  }

  private visitEffects(): number {
    const { row } = this;
    const effects = this.effects;
    const taste = this.taste;
    const part = Math.floor(row.hour / 6);
    for (let d = 0; d < DIMS; d++) {
      taste[d] =
        effects.ageTaste[row.age * DIMS + d] +
        effects.genderTaste[row.gender * DIMS + d] +
        effects.countryTaste[row.country * DIMS + d] +
        effects.deviceTaste[row.device * DIMS + d] +
        effects.siteTaste[row.siteCategory * DIMS + d] +
        effects.hourTaste[part * DIMS + d];
    }
    for (let i = 0; i < row.interestCount; i++) {
      const category = names.categoryOfTopic[row.interests[i]];
      for (let d = 0; d < DIMS; d++) taste[d] += effects.interestTaste[category * DIMS + d] / row.interestCount;
    }
    return (
      INTERCEPT +
      effects.age[row.age] +
      effects.gender[row.gender] +
      effects.country[row.country] +
      effects.device[row.device] +
      effects.system[row.system] +
      effects.browser[row.browser] +
      effects.connection[row.connection] +
      effects.siteCategory[row.siteCategory] +
      this.site.effect +
      this.user.effect +
      0.2 * triangle(row.hour / 24 - effects.hourPhase[row.siteCategory])
    );
  }

  /** Draws an ad; one that matches none of the user's interests is redrawn half of the time. */
  private show(): Ad {
    const { row } = this;
    const rng = this.rng;
    let ad = this.ads[zipf(rng.uniform(), ADS_SHOWN, 4, 3)];
    if (this.matches(ad) === 0 && rng.uniform() < 0.5) ad = this.ads[zipf(rng.uniform(), ADS_SHOWN, 4, 3)];
    row.ad = ad.id;
    row.campaign = ad.campaign;
    row.advertiser = ad.advertiser;
    row.adCategory = ad.category;
    row.size = ad.size;
    row.bid = ad.bid;
    row.price = ad.cents;
    row.hint = row.time - ad.born < 2 * HOUR ? -1 : ad.hint;
    return ad;
  }

  private matches(ad: Ad): number {
    const { interests, interestCount } = this.user;
    let matches = 0;
    for (let i = 0; i < interestCount; i++) {
      if (names.categoryOfTopic[interests[i]] === ad.category) matches++;
    }
    return matches;
  }

  private adEffect(ad: Ad): number {
    const effects = this.effects;
    const age = (this.row.time - ad.born) / DAY;
    return (
      ad.quality -
      (0.45 * age) / (age + 3) +
      effects.adCategory[ad.category] +
      effects.size[ad.size] +
      effects.bid[ad.bid]
    );
  }

  /** Log-odds that depend on several columns of the row. */
  private jointEffect(ad: Ad): number {
    const { row } = this;
    const effects = this.effects;
    const category = ad.category;
    let affinity = 0;
    for (let d = 0; d < DIMS; d++) affinity += this.taste[d] * effects.categoryAppeal[category * DIMS + d];
    const offPrice = ad.logPrice - (3.2 + effects.agePrice[row.age] + effects.countryPrice[row.country]);
    const price = ad.cents < 0 ? 0.5 : 1 / (1 + offPrice * offPrice);
    const offQuery = (row.query - 4) / 2;
    const query = row.query < 0 ? 0 : (0.7 + effects.queryTaste[category]) * (1 / (1 + offQuery * offQuery) - 0.4);
    return (
      affinity +
      MATCH[this.matches(ad)] +
      0.8 * (price - 0.5) +
      query -
      ((0.6 + effects.fatigue[category]) * row.views) / (row.views + 15) +
      effects.slot[row.slot] +
      effects.deviceSize[row.device * names.sizes.length + row.size] +
      effects.weekendCategory[(row.day >= 5 ? names.adCategories.length : 0) + category]
    );
  }
}

function emptyImpression(time: number): Impression {
  return {
    label: 0,
    oracle: 0,
    time,
    event: -1,
    user: 0,
    age: 0,
    gender: 0,
    country: 0,
    device: 0,
    system: 0,
    browser: 0,
    connection: 0,
    hour: 0,
    day: 0,
    slot: 0,
    site: 0,
    siteCategory: 0,
    ad: 0,
    campaign: 0,
    advertiser: 0,
    adCategory: 0,
    size: 0,
    bid: 0,
    views: 0,
    interests: new Uint8Array(8),
    interestCount: 0,
    price: 0,
    hint: 0,
    query: 0,
  };
}
