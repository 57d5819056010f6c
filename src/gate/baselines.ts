import type { GateBound, GateSpec } from "../spec/compiled.js";
import type { Breach } from "./gate.js";
import { type Kind, kinds, type Readings, type Signal } from "./signals.js";

/** Stands for infinity in JSON: calibration of predictions without a positive. */
export const LARGEST = Number.MAX_VALUE;
/** Per signal: windows, mean, variance. */
const EACH = 3;
/** Approximate number of windows that are remembered: each new one weighs at least 1 ÷ this. */
const MEMORY = 50;

/** The usual values of signals, from windows without breaches. */
export class Baselines {
  /** f64[signals × 3]: windows, mean, variance between windows. */
  readonly data: Float64Array<ArrayBuffer>;
  private readonly spec: GateSpec;
  private readonly signals: readonly Signal[];
  private readonly given: readonly (GateBound | undefined)[];

  constructor(spec: GateSpec, signals: readonly Signal[]) {
    this.spec = spec;
    this.signals = signals;
    this.given = signals.map(({ name, kind }) => spec.bounds[name] ?? spec.bounds[kind]);
    this.data = new Float64Array(EACH * signals.length);
  }

  /**
   * Adds a window: moving mean and variance, ordinary ones at first. Not before half of the warm-up: for a new model all ids
   * are new, and its predictions poor.
   */
  learn({ values, counts }: Readings): void {
    const { data, signals } = this;
    const first = this.spec.warmup >> 1;
    for (let i = 0; i < signals.length; i++) {
      const value = values[i];
      if (!Number.isFinite(value) || counts[i] < kinds[signals[i].kind].events) continue;
      const windows = ++data[EACH * i];
      const share = windows <= first ? 1 : Math.max(1 / (windows - first), 1 / MEMORY);
      const off = value - data[EACH * i + 1];
      data[EACH * i + 1] += share * off;
      data[EACH * i + 2] = (1 - share) * (data[EACH * i + 2] + share * off * off);
    }
  }

  /** Starts learning a signal again. */
  forget(name: string): void {
    const i = this.signals.findIndex((signal) => signal.name === name);
    if (i >= 0) this.data.fill(0, EACH * i, EACH * (i + 1));
  }

  /** Mean and spread of every number so far, interleaved; NaN before there are any. */
  usual(): number[] {
    return this.signals.flatMap(({ kind }, i) => {
      if (kind !== "mean" && kind !== "spread") return [];
      return [this.data[EACH * i] > 0 ? this.data[EACH * i + 1] : Number.NaN];
    });
  }

  /**
   * Signals out of bounds: given bounds apply to whole windows, learned ones otherwise.
   * @param part the completed fraction of the window: the smaller, the larger the variance
   */
  breaches(found: Readings, part: number): Breach[] {
    const breaches: Breach[] = [];
    for (let i = 0; i < this.signals.length; i++) {
      const value = found.values[i];
      if (Number.isNaN(value)) continue;
      const bound = this.given[i] ? (part >= 1 ? this.given[i] : null) : this.learned(found, i, part);
      const { least = null, most = null } = bound ?? {};
      if (isOutside(value, bound))
        breaches.push({ signal: this.signals[i].name, value: Math.min(value, LARGEST), least, most });
    }
    return breaches;
  }

  private learned({ counts, few }: Readings, i: number, part: number): GateBound | null {
    const { sigmas, warmup } = this.spec;
    const { kind } = this.signals[i];
    const { least, variance: byChance, events, high }: Kind = kinds[kind];
    const at = EACH * i;
    if (few[i] === 1 || sigmas === 0 || this.data[at] < warmup || counts[i] < events) return null;
    const mean = this.data[at + 1];
    // A number's mean comes right before its spread.
    const spread = kind === "mean" ? this.data[at + EACH + 1] : 0;
    const variance = Math.max(this.data[at + 2] / Math.min(1, part), byChance(mean, counts[i], spread));
    const far = Math.max(sigmas * Math.sqrt(variance), least(mean, spread));
    return high ? { most: mean + far } : { least: mean - far, most: mean + far };
  }
}

/** Whether a value is outside of a bound; null: there is none. */
export function isOutside(value: number, bound: GateBound | null | undefined): boolean {
  return value < (bound?.least ?? value) || value > (bound?.most ?? value);
}
