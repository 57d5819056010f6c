import { Rng } from "../../core/rng.js";
import { triangle } from "./math.js";
import * as names from "./names.js";

/** Dimensions of the hidden tastes: groups of users, pages and hours meet groups of ads in this space. */
export const DIMS = 8;

const DAY = 86_400_000;
/** Days in which a category's appeal swings out and back. */
const DRIFT_DAYS = 24;

/**
 * The hidden truth of one simulated world: what each visible value adds to the log-odds of a click, alone and together
 * with others. All of it hangs on visible columns, so that it can be learned; it is drawn from the seed once.
 */
export class Effects {
  readonly #rng: Rng;
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
  readonly slot = Float64Array.of(0.9, 0.3, 0.5, 0.15, -0.15, -0.45, -0.4, -0.95);

  /** [device × size]: a wide banner does nothing on a phone. */
  readonly deviceSize: Float64Array;
  /** [2 × ad category]: working days, weekend. */
  readonly weekendCategory: Float64Array;
  /** Per site category: when in the day it is read with leisure. */
  readonly hourPhase: Float64Array;
  /** Log price a group finds right. */
  readonly agePrice: Float64Array;
  readonly countryPrice: Float64Array;
  /** Per ad category: how fast its ads tire, and how much a search of the right length helps. */
  readonly fatigue: Float64Array;
  readonly queryTaste: Float64Array;

  /** Tastes, [group × DIMS]. */
  readonly ageTaste: Float64Array;
  readonly genderTaste: Float64Array;
  readonly countryTaste: Float64Array;
  readonly deviceTaste: Float64Array;
  readonly siteTaste: Float64Array;
  /** Four parts of the day. */
  readonly hourTaste: Float64Array;
  /** What the ad categories appeal to now; `drift` moves it. */
  readonly categoryAppeal: Float64Array;
  readonly #appealBase: Float64Array;
  readonly #appealSwing: Float64Array;
  readonly #appealPhase: Float64Array;

  constructor(seed: number) {
    this.#rng = new Rng(seed);
    this.age = this.#centred(names.ages.length, 0.35);
    this.gender = this.#centred(names.genders.length, 0.12);
    this.country = this.#centred(names.countries.length, 0.4);
    this.device = this.#centred(names.devices.length, 0.4);
    this.system = this.#centred(names.systems.length, 0.15);
    this.browser = this.#centred(names.browsers.length, 0.08);
    this.connection = this.#centred(names.connections.length, 0.18);
    this.siteCategory = this.#centred(names.siteCategories.length, 0.5);
    this.adCategory = this.#centred(names.adCategories.length, 0.5);
    this.size = this.#centred(names.sizes.length, 0.25);
    this.bid = this.#centred(10, 0.12);

    this.deviceSize = this.#centred(names.devices.length * names.sizes.length, 0.22);
    this.weekendCategory = this.#centred(2 * names.adCategories.length, 0.15);
    this.hourPhase = Float64Array.from(names.siteCategories, () => this.#rng.uniform());
    this.agePrice = this.#centred(names.ages.length, 0.8);
    this.countryPrice = this.#centred(names.countries.length, 0.3);
    this.fatigue = this.#centred(names.adCategories.length, 0.6);
    this.queryTaste = this.#centred(names.adCategories.length, 0.6);

    this.ageTaste = this.#centred(names.ages.length * DIMS, 0.6);
    this.genderTaste = this.#centred(names.genders.length * DIMS, 0.45);
    this.countryTaste = this.#centred(names.countries.length * DIMS, 0.2);
    this.deviceTaste = this.#centred(names.devices.length * DIMS, 0.2);
    this.siteTaste = this.#centred(names.siteCategories.length * DIMS, 0.6);
    this.hourTaste = this.#centred(4 * DIMS, 0.15);
    this.#appealBase = this.#centred(names.adCategories.length * DIMS, 0.2);
    this.#appealSwing = this.#centred(names.adCategories.length * DIMS, 0.08);
    this.#appealPhase = Float64Array.from(names.adCategories, () => this.#rng.uniform());
    this.categoryAppeal = new Float64Array(this.#appealBase.length);
  }

  /** Moves the slow change of preferences on to a time (ms). */
  drift(time: number): void {
    for (let i = 0; i < this.categoryAppeal.length; i++) {
      const wave = triangle(time / (DRIFT_DAYS * DAY) + this.#appealPhase[Math.floor(i / DIMS)]);
      this.categoryAppeal[i] = this.#appealBase[i] + wave * this.#appealSwing[i];
    }
  }

  /** n bell-shaped values with mean 0 and about this deviation. */
  #centred(n: number, deviation: number): Float64Array {
    const u = () => this.#rng.uniform();
    const values = Float64Array.from({ length: n }, () => (u() + u() + u() + u() - 2) * 1.7320508075688772 * deviation);
    const mean = values.reduce((sum, value) => sum + value, 0) / n;
    return values.map((value) => value - mean);
  }
}
