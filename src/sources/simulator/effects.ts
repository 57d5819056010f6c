import { Rng } from "../../core/rng.js";
import { triangle } from "./math.js";
import * as names from "./names.js";

/** Dimensions of the latent factors of groups of users, pages and hours, and of groups of ads. */
export const DIMS = 8;

const DAY = 86_400_000;
/** Weight of each dimension: a few dominate. */
const WEIGHTS = [1, 1, 0.7, 0.5, 0.35, 0.25, 0.2, 0.15];
/** Period of the drift of a category's appeal, in days. */
const DRIFT_DAYS = 24;

/**
 * The latent model of one simulated world: the log-odds that each visible value adds, alone and combined with others.
 * It depends on visible columns only, so it can be learned. It is drawn once, from the seed.
 */
export class Effects {
  private readonly rng: Rng;
  readonly age: Float64Array;
  readonly gender: Float64Array;
  readonly country: Float64Array;
  readonly device: Float64Array;
  readonly system: Float64Array;
  readonly browser: Float64Array;
  readonly connection: Float64Array;
  readonly siteCategory: Float64Array;
  readonly adCategory: Float64Array;
  readonly size: Float64Array;
  readonly bid: Float64Array;
  /** Higher on the page is better. */
  readonly slot = Float64Array.of(1, 0.35, 0.6, 0.15, -0.2, -0.5, -0.4, -1);

  /** [device × size]: a wide banner does nothing on a phone. */
  readonly deviceSize: Float64Array;
  /** [2 × ad category]: working days, weekend. */
  readonly weekendCategory: Float64Array;
  /** Per site category: the time of day at which its readers have leisure. */
  readonly hourPhase: Float64Array;
  /** The logarithm of the price that a group prefers. */
  readonly agePrice: Float64Array;
  readonly countryPrice: Float64Array;
  /** Per ad category: how fast its ads wear out, and how much a search of suitable length helps. */
  readonly fatigue: Float64Array;
  readonly queryTaste: Float64Array;

  /** Latent factors, [group × DIMS]. */
  readonly ageTaste: Float64Array;
  readonly genderTaste: Float64Array;
  readonly countryTaste: Float64Array;
  readonly deviceTaste: Float64Array;
  readonly siteTaste: Float64Array;
  /** Four parts of the day. */
  readonly hourTaste: Float64Array;
  /** Interest in a category adds to the appeal of that category's factors, [ad category × DIMS]. */
  readonly interestTaste: Float64Array;
  /** The ad categories' current factors; `drift` changes them. */
  readonly categoryAppeal: Float64Array;
  private readonly appealBase: Float64Array;
  private readonly appealSwing: Float64Array;
  private readonly appealPhase: Float64Array;

  constructor(seed: number) {
    this.rng = new Rng(seed);
    this.age = this.spread(names.ages.length, 0.35);
    this.gender = this.spread(names.genders.length, 0.2);
    this.country = this.spread(names.countries.length, 0.4);
    this.device = this.spread(names.devices.length, 0.4);
    this.system = this.spread(names.systems.length, 0.15);
    this.browser = this.spread(names.browsers.length, 0.08);
    this.connection = this.spread(names.connections.length, 0.25);
    this.siteCategory = this.spread(names.siteCategories.length, 0.5);
    this.adCategory = this.spread(names.adCategories.length, 0.5);
    this.size = this.spread(names.sizes.length, 0.35);
    this.bid = this.spread(10, 0.12);

    this.deviceSize = this.spread(names.devices.length * names.sizes.length, 0.4);
    this.weekendCategory = this.spread(2 * names.adCategories.length, 0.15);
    this.hourPhase = Float64Array.from(names.siteCategories, () => this.rng.uniform());
    this.agePrice = this.spread(names.ages.length, 0.8);
    this.countryPrice = this.spread(names.countries.length, 0.3);
    this.fatigue = this.spread(names.adCategories.length, 0.4);
    this.queryTaste = this.spread(names.adCategories.length, 0.3);

    this.ageTaste = this.spread(names.ages.length * DIMS, 0.9);
    this.genderTaste = this.spread(names.genders.length * DIMS, 0.6);
    this.countryTaste = this.spread(names.countries.length * DIMS, 0.1);
    this.deviceTaste = this.spread(names.devices.length * DIMS, 0.1);
    this.siteTaste = this.spread(names.siteCategories.length * DIMS, 0.5);
    this.hourTaste = this.spread(4 * DIMS, 0.1);
    this.appealBase = this.spread(names.adCategories.length * DIMS, 0.25);
    this.interestTaste = this.appealBase.map((appeal) => 3 * appeal);
    this.appealSwing = this.spread(names.adCategories.length * DIMS, 0.08);
    this.appealPhase = Float64Array.from(names.adCategories, () => this.rng.uniform());
    this.categoryAppeal = new Float64Array(this.appealBase.length);
  }

  /** Moves the slow drift of preferences forward to a time (ms). */
  drift(time: number): void {
    for (let i = 0; i < this.categoryAppeal.length; i++) {
      const wave = triangle(time / (DRIFT_DAYS * DAY) + this.appealPhase[Math.floor(i / DIMS)]);
      this.categoryAppeal[i] = WEIGHTS[i % DIMS] * (this.appealBase[i] + wave * this.appealSwing[i]);
    }
  }

  /** n bell-shaped values with mean 0 and exactly this standard deviation. */
  private spread(n: number, deviation: number): Float64Array {
    const u = () => this.rng.uniform();
    const values = Float64Array.from({ length: n }, () => u() + u() + u() + u());
    const mean = values.reduce((sum, value) => sum + value, 0) / n;
    const variance = values.reduce((sum, value) => sum + (value - mean) * (value - mean), 0) / n;
    const scale = deviation / Math.sqrt(variance);
    return values.map((value) => (value - mean) * scale);
  }
}
