import type { EncodingSpec } from "../../../src/spec/compiled.js";
import { laneSum, type ReferenceOptimizer, referenceOptimizer, type State } from "../../optimizers/reference.js";
import { drawWeights } from "../../tables/reference.js";
import { ReferenceHotness } from "./hotness-reference.js";

const f = Math.fround;

/** A hot_cold table with a `hash` cold part, with Maps: src/encodings/hot_cold/hot_cold.ts must equal it bit for bit. */
export class ReferenceHotCold {
  readonly hot = new Map<bigint, State>();
  readonly hotness: ReferenceHotness;
  private readonly cold = new Map<bigint, State>();
  private readonly spec: EncodingSpec;
  private readonly optimizers: { hot: ReferenceOptimizer; cold: ReferenceOptimizer };

  constructor(spec: EncodingSpec, most: number) {
    const { threshold, decay, decay_steps: decaySteps, sketch_rows: sketchRows, cold } = spec.hot_cold!;
    const seed = BigInt(`0x${spec.seed}`);
    this.spec = spec;
    this.hotness = new ReferenceHotness({ sketchRows, rows: spec.rows, threshold, decay, decaySteps, seed, most });
    this.optimizers = { hot: referenceOptimizer(spec.optimizer), cold: referenceOptimizer(cold.optimizer) };
  }

  vectorOf(key: bigint): number[] {
    const hot = this.hot.get(key);
    return hot ? this.optimizers.hot.weights(hot) : this.optimizers.cold.weights(this.coldRow(key));
  }

  /** What a learning gather does before it reads vectors. */
  settle(): void {
    const vectors = new Map(this.hotness.pending.map(({ key }) => [key, this.vectorOf(key)]));
    for (const { victim } of this.hotness.pending) if (victim !== null) this.hot.delete(victim);
    for (const [key, vector] of vectors) this.hot.set(key, this.optimizers.hot.create(vector));
    this.hotness.settle();
  }

  learn(keys: readonly bigint[], gradients: Float32Array): void {
    const { dim } = this.spec;
    const gradientOf = (k: number): number[] => [...gradients.subarray(k * dim, (k + 1) * dim)];
    this.hotness.observe(keys, this.gains(keys.map((_, k) => gradientOf(k))));
    const { hot, cold } = this.optimizers;
    if (keys.some((key) => this.hot.has(key))) hot.beginStep();
    if (keys.some((key) => !this.hot.has(key))) cold.beginStep();
    const sums = new Map<State, number[]>();
    keys.forEach((key, k) => {
      const own = this.hot.get(key);
      if (own) {
        hot.update(own, gradientOf(k));
        return;
      }
      const row = this.coldRow(key, true);
      const sum = sums.get(row) ?? Array<number>(dim).fill(0);
      sums.set(
        row,
        sum.map((x, i) => f(x + gradientOf(k)[i])),
      );
    });
    for (const [row, sum] of sums) cold.update(row, sum);
  }

  private gains(gradients: readonly (readonly number[])[]): number[] {
    if (this.spec.hot_cold?.hotness === "frequency") return gradients.map(() => 1);
    const norms = gradients.map((g) => f(Math.sqrt(laneSum(g.map((x) => f(x * x))))));
    const mean = norms.reduce((sum, x) => sum + x, 0) / norms.length;
    return norms.map((norm) => (mean > 0 ? f(norm * f(1 / mean)) : 0));
  }

  private coldRow(key: bigint, make = false): State {
    const { rows, seed, init } = this.spec.hot_cold!.cold;
    const number = key % BigInt(rows);
    const fresh = () => this.optimizers.cold.create(drawWeights(number, BigInt(`0x${seed}`), init, this.spec.dim));
    const row = this.cold.get(number) ?? fresh();
    if (make) this.cold.set(number, row);
    return row;
  }
}
