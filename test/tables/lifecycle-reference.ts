import type { EvictionSpec } from "../../src/spec/compiled.js";
import { mix } from "./reference.js";
import { SEED } from "./samples.js";

const MASK = 2n ** 64n - 1n;
/** The default row's key. */
export const DEFAULT_KEY = MASK;

/** The state of a row. */
export interface Kept {
  readonly key: bigint;
  step: number;
  seconds: number;
  frequency: number;
}

/**
 * An exact table's rows as a list, with an independent implementation of eviction: a sweeping hand, and victims from a sample. It
 * knows only keys; whether weights are below the threshold comes from `tooSmall`.
 */
export class ReferenceRows {
  readonly rows: Kept[] = [];
  readonly removed: bigint[] = [];
  private readonly byKey = new Map<bigint, Kept>();
  readonly evicted = { expire_time: 0, steps_to_live: 0, l2_weight_threshold: 0, all_zero: 0, capacity: 0 };
  private readonly rule: EvictionSpec;
  private readonly room: number;
  private readonly halfLife: number;
  private readonly tooSmall: (key: bigint) => "l2_weight_threshold" | "all_zero" | null;
  private now = 0;
  private seconds = 0;
  private hand = 0;
  private swept = 0;
  private lap = 0;
  private lapBefore = 0;

  constructor(
    rule: EvictionSpec,
    room: number,
    { halfLife = 31, tooSmall = () => null }: { halfLife?: number; tooSmall?: ReferenceRows["tooSmall"] } = {},
  ) {
    this.rule = rule;
    this.room = room;
    this.halfLife = halfLife;
    this.tooSmall = tooSmall;
  }

  /** Learns a batch of `events` events: its distinct keys, in the order of their first occurrence. */
  learn(keys: readonly bigint[], events: number, time = 0): void {
    this.now += events;
    this.seconds = Math.max(this.seconds, Math.floor(time / 1000));
    this.sweep();
    const known = keys.map((key) => this.byKey.get(key));
    for (const row of known) if (row) this.use(row);
    keys.forEach((key, i) => {
      if (!known[i]) this.enter(key);
    });
  }

  private use(row: Kept): void {
    row.frequency = Math.min(this.frequencyOf(row) + 256, 2 ** 32 - 1);
    row.step = this.now;
    row.seconds = this.seconds;
  }

  private enter(key: bigint): void {
    const row = { key, step: this.now, seconds: this.seconds, frequency: 256 };
    if (this.rows.length < this.room) this.rows.push(row);
    else {
      const at = this.victim();
      this.evicted.capacity++;
      this.forget(this.rows[at].key);
      this.rows[at] = row;
    }
    this.byKey.set(key, row);
  }

  private sweep(): void {
    const { steps_to_live } = this.rule;
    const lapExamples = Math.min(steps_to_live || 65536, 65536);
    const due = Math.floor((this.rows.length * (this.now - this.swept)) / lapExamples);
    if (due < 1) return;
    this.swept = this.now;
    for (let visits = Math.min(due, 2048); visits > 0 && this.rows.length > 0; visits--) {
      if (this.hand >= this.rows.length) {
        this.hand = 0;
        this.lapBefore = this.lap;
        this.lap = this.now;
      }
      const reason = this.reasonToGo(this.rows[this.hand]);
      if (reason) this.giveUp(this.hand, reason);
      else this.hand++;
    }
  }

  private reasonToGo(row: Kept): keyof ReferenceRows["evicted"] | null {
    const { expire_time, steps_to_live } = this.rule;
    const age = this.now - row.step;
    if (age === 0 || row.key === DEFAULT_KEY) return null;
    if (expire_time && this.seconds - row.seconds > expire_time) return "expire_time";
    if (steps_to_live && age > steps_to_live) return "steps_to_live";
    return age > this.now - this.lapBefore ? this.tooSmall(row.key) : null;
  }

  private giveUp(at: number, reason: keyof ReferenceRows["evicted"]): void {
    this.evicted[reason]++;
    this.forget(this.rows[at].key);
    const last = this.rows.pop()!;
    if (at < this.rows.length) this.rows[at] = last;
  }

  private forget(key: bigint): void {
    this.removed.push(key);
    this.byKey.delete(key);
  }

  private victim(): number {
    const salt = mix((SEED + 0x6576696374696f6en) & MASK);
    const start = mix(salt ^ BigInt(this.evicted.capacity));
    let best = 0n;
    let chosen = -1;
    for (let i = 0n; i < 16n; i++) {
      const point = (start + i * 0x9e3779b97f4a7c15n) & MASK;
      const at = Number(((point >> 32n) * BigInt(this.rows.length)) >> 32n);
      if (this.worth(at) <= best) continue;
      best = this.worth(at);
      chosen = at;
    }
    if (chosen >= 0) return chosen;
    do this.hand = this.hand + 1 < this.rows.length ? this.hand + 1 : 0;
    while (this.worth(this.hand) === 0n);
    return this.hand;
  }

  private worth(at: number): bigint {
    const row = this.rows[at];
    const age = this.now - row.step;
    if (age === 0 || row.key === DEFAULT_KEY) return 0n;
    const short = this.rule.l2_weight_threshold !== undefined && this.tooSmall(row.key) ? 8 : 1;
    return this.rule.policy === "lfu"
      ? (BigInt(2 ** 32 - 1 - Math.floor(this.frequencyOf(row) / short)) << 32n) | BigInt(age)
      : BigInt(age) * BigInt(short);
  }

  private frequencyOf(row: Kept): number {
    const life = 2 ** this.halfLife;
    const age = this.now - row.step;
    const halved = Math.floor(row.frequency / 2 ** Math.floor(age / life));
    return halved - Math.floor((halved * (age % life)) / (2 * life));
  }
}

/** How often ids were seen: exact counts. */
export class ExactCounts {
  private readonly counts = new Map<bigint, number>();

  /** Counts an occurrence and returns the number of all. */
  add(key: bigint): number {
    const count = (this.counts.get(key) ?? 0) + 1;
    this.counts.set(key, count);
    return count;
  }
}
