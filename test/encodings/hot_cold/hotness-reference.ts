import { mix } from "../../tables/reference.js";

const f = Math.fround;
export const NONE = 0xffffffff;

interface Cell {
  key: bigint;
  score: number;
  error: number;
}

export interface HotnessOptions {
  readonly sketchRows: number;
  readonly rows: number;
  readonly threshold: number;
  readonly decay: number;
  readonly decaySteps: number;
  readonly seed: bigint;
  readonly most: number;
}

/** The reference of src/encodings/hot_cold/hotness.ts, with objects and Maps. */
export class ReferenceHotness {
  readonly buckets: Cell[][];
  /** Keys and scores by row. */
  readonly hot: { key: bigint; score: number }[] = [];
  pending: { key: bigint; score: number; victim: bigint | null }[] = [];
  private readonly options: HotnessOptions;
  private step = 0;
  private hand = 0;

  constructor(options: HotnessOptions) {
    this.options = options;
    this.buckets = Array.from({ length: Math.ceil(options.sketchRows / 4) }, () =>
      Array.from({ length: 4 }, () => ({ key: 0n, score: 0, error: 0 })),
    );
  }

  bucketOf(key: bigint): Cell[] {
    return this.buckets[Number(((mix(key ^ this.options.seed) >> 32n) * BigInt(this.buckets.length)) >> 32n)];
  }

  add(key: bigint, x: number): number {
    const bucket = this.bucketOf(key);
    let cell = bucket.find((one) => one.key === key && one.score > 0);
    if (!cell) {
      const bound = (one: Cell): number => f(one.score + one.error);
      const least = Math.min(...bucket.map(bound));
      cell = bucket.find(({ score }) => score === 0) ?? bucket.find((one) => bound(one) === least)!;
      Object.assign(cell, { key, score: 0, error: bound(cell) });
    }
    cell.score = f(cell.score + x);
    return cell.score;
  }

  observe(keys: readonly bigint[], gains: readonly number[]): void {
    this.fade();
    const rows = new Map(this.hot.map((row) => [row.key, row]));
    keys.forEach((key, i) => {
      const row = rows.get(key);
      if (row) row.score = f(row.score + gains[i]);
    });
    const taken = new Set<bigint>();
    let free = this.options.rows - this.hot.length;
    keys.forEach((key, i) => {
      if (rows.has(key) || gains[i] === 0) return;
      const score = this.add(key, gains[i]);
      if (score < this.options.threshold || this.pending.length === this.options.most) return;
      const victim = free > 0 ? null : this.victim(score, taken);
      if (victim === undefined) return;
      if (victim === null) free--;
      else taken.add(victim);
      this.pending.push({ key, score, victim });
    });
  }

  /** Gives the pending ids their rows. */
  settle(): void {
    for (const { key } of this.pending) this.release(key);
    for (const { victim } of this.pending) if (victim !== null) this.demote(victim);
    for (const { key, score } of this.pending) this.hot.push({ key, score });
    this.pending = [];
  }

  private release(key: bigint): void {
    const bucket = this.bucketOf(key);
    const cell = bucket.find((one) => one.key === key && one.score > 0);
    if (!cell) return;
    const others = bucket.filter((one) => one !== cell).map(({ score, error }) => f(score + error));
    Object.assign(cell, { score: 0, error: Math.min(...others) });
  }

  private demote(key: bigint): void {
    const row = this.hot.findIndex((one) => one.key === key);
    const { score } = this.hot[row];
    const last = this.hot.pop()!;
    if (row < this.hot.length) this.hot[row] = last;
    if (score > 0) this.add(key, score);
  }

  /** The coldest of 16 rows from the clock hand on, if the score is at least 1.5 times its own; undefined otherwise. */
  private victim(score: number, taken: ReadonlySet<bigint>): bigint | undefined {
    const { length } = this.hot;
    if (length === 0) return undefined;
    const sample = Array.from({ length: Math.min(16, length) }, (_, i) => this.hot[(this.hand + i) % length]);
    this.hand = (this.hand + 16) % length;
    const left = sample.filter(({ key }) => !taken.has(key));
    if (left.length === 0) return undefined;
    const coldest = left.reduce((a, b) => (b.score < a.score ? b : a));
    return score < f(1.5 * coldest.score) ? undefined : coldest.key;
  }

  private fade(): void {
    const { decay, decaySteps, rows } = this.options;
    const step = this.step++ % decaySteps;
    const share = (all: number, s: number): number => Math.floor((all * s) / decaySteps);
    const decayed = (x: number): number => {
      const y = f(x * f(decay));
      return y < 1e-30 ? 0 : y;
    };
    if (decay === 1) return;
    for (let b = share(this.buckets.length, step); b < share(this.buckets.length, step + 1); b++) {
      for (const cell of this.buckets[b])
        Object.assign(cell, { score: decayed(cell.score), error: decayed(cell.error) });
    }
    const quads = Math.ceil(rows / 4);
    for (let row = 4 * share(quads, step); row < 4 * share(quads, step + 1); row++) {
      if (row < this.hot.length) this.hot[row].score = decayed(this.hot[row].score);
    }
  }
}
