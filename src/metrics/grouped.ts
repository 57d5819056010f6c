import { type Block, bytesOf, type SavedBlocks, savedBytes, savedNumbers } from "../core/blocks.js";
import type { Span } from "./split.js";

/** AUC within groups of events, such as each user's, and not between them (GAUC, Zhu et al. 2017). */
export interface GroupedQuality {
  /** Mean AUC of the groups that have both classes, weighted by their events; null if there are none. */
  readonly auc: number | null;
  /** The same, weighted by their positives. */
  readonly auc_by_clicks: number | null;
  /** Groups that have both classes. */
  readonly groups: number;
  /** Their events. */
  readonly events: number;
  /** Groups with one class only: they cannot be ranked, and are left out. */
  readonly one_class: number;
  /** Their events. */
  readonly one_class_events: number;
  /** Events without a group: left out. */
  readonly ungrouped: number;
  /** The share of groups that was kept, selected by hash; 1: all. */
  readonly share: number;
}

/** Scored events, as arrays by row. */
export interface GroupedRows {
  /** u32[2 × rows]: the hash of each row's group, the lower half first. */
  readonly keys: Uint32Array;
  readonly scores: Float32Array;
  readonly labels: Float32Array;
  readonly weights: Float32Array;
}

/** Initial capacity in rows. */
const LEAST_ROWS = 4096;
/** Share and events of a position block. */
const POSITION = 2;

/**
 * AUC by group in bounded memory: up to `most` rows are kept, 20 bytes each, and the result is exact. If more come, half of the
 * groups are dropped with all their rows, past and future, as often as needed. The group's hash alone decides which, so a group
 * is kept completely or not at all. A group with more than `most` rows is dropped as well.
 */
export class GroupedAuc {
  private readonly most: number;
  /** The hash of rows without a group: low and high half. */
  private readonly none: readonly [number, number];
  private keys = new Uint32Array(2 * LEAST_ROWS);
  /** Score, label and weight of each row. */
  private values = new Float32Array(3 * LEAST_ROWS);
  private rows = 0;
  /** Groups are kept whose hash begins with this many zeros. */
  private level = 0;
  private ungrouped = 0;

  /** @param none the hash of the missing value */
  constructor(most: number, none: bigint) {
    this.most = most;
    this.none = [Number(none & 0xffffffffn), Number(none >> 32n)];
  }

  /** Counts rows [from, to). Those whose score, label or weight is not finite are skipped. */
  add({ keys, scores, labels, weights }: GroupedRows, { from, to }: Span): void {
    const [low, high] = this.none;
    for (let r = from; r < to; r++) {
      const score = scores[r];
      const label = labels[r];
      const weight = weights[r];
      if (!Number.isFinite(score + label + weight)) continue;
      const k0 = keys[2 * r];
      const k1 = keys[2 * r + 1];
      if (k0 === low && k1 === high) {
        this.ungrouped++;
        continue;
      }
      if (!this.keeps(k1) || !this.makeRoom(k1)) continue;
      const at = this.rows++;
      this.keys[2 * at] = k0;
      this.keys[2 * at + 1] = k1;
      this.values[3 * at] = score;
      this.values[3 * at + 1] = label;
      this.values[3 * at + 2] = weight;
    }
  }

  quality(): GroupedQuality {
    const { order, ends } = this.byGroup();
    const sums = { area: 0, weight: 0, clicked: 0, positive: 0 };
    const counts = { groups: 0, events: 0, one_class: 0, one_class_events: 0 };
    let from = 0;
    for (const to of ends) {
      const group = order.subarray(from, to);
      from = to;
      const { weight, positive } = this.totals(group);
      if (!(positive > 0 && positive < weight)) {
        counts.one_class++;
        counts.one_class_events += group.length;
        continue;
      }
      const auc = this.area(group) / (positive * (weight - positive));
      counts.groups++;
      counts.events += group.length;
      sums.area += weight * auc;
      sums.weight += weight;
      sums.clicked += positive * auc;
      sums.positive += positive;
    }
    const { ungrouped, level } = this;
    const mean = (sum: number, of: number) => (counts.groups > 0 ? sum / of : null);
    return {
      auc: mean(sums.area, sums.weight),
      auc_by_clicks: mean(sums.clicked, sums.positive),
      ...counts,
      ungrouped,
      share: 2 ** -level,
    };
  }

  /** Removes everything. */
  clear(): void {
    this.rows = 0;
    this.level = 0;
    this.ungrouped = 0;
  }

  /** The state, as blocks named `prefix`/…; views, valid until the next `add`. */
  blocks(prefix: string): Block[] {
    const { rows } = this;
    const position = bytesOf(Float64Array.of(this.level, this.ungrouped));
    const keys = bytesOf(this.keys.subarray(0, 2 * rows));
    const values = bytesOf(this.values.subarray(0, 3 * rows));
    return [
      { name: `${prefix}/position`, dtype: "F64", shape: [POSITION], data: position },
      { name: `${prefix}/keys`, dtype: "U32", shape: [rows, 2], data: keys },
      { name: `${prefix}/values`, dtype: "F32", shape: [rows, 3], data: values },
    ];
  }

  /** @throws HashbrookError checkpoint_damaged when a block is missing or has the wrong size */
  restore(prefix: string, blocks: SavedBlocks): void {
    const [level, ungrouped] = savedNumbers(blocks, `${prefix}/position`, { bytes: 8 * POSITION });
    const keys = savedBytes(blocks, `${prefix}/keys`, { each: 8 });
    const values = savedBytes(blocks, `${prefix}/values`, { bytes: (keys.byteLength / 8) * 12 });
    this.level = level;
    this.ungrouped = ungrouped;
    this.rows = keys.byteLength / 8;
    this.resize(Math.max(LEAST_ROWS, this.rows));
    this.keys.set(new Uint32Array(keys.slice().buffer));
    this.values.set(new Float32Array(values.slice().buffer));
  }

  private keeps(high: number): boolean {
    return this.level === 0 || high >>> (32 - this.level) === 0;
  }

  /** Makes room for one more row; false if its own group is dropped in doing so. */
  private makeRoom(high: number): boolean {
    if (this.rows < this.values.length / 3) return true;
    if (this.rows < this.most) this.resize(Math.min(this.most, 2 * this.rows));
    while (this.rows >= this.most && this.level < 32) this.halve();
    return this.rows < this.most && this.keeps(high);
  }

  private resize(rows: number): void {
    const { keys, values } = this;
    this.keys = new Uint32Array(2 * rows);
    this.values = new Float32Array(3 * rows);
    this.keys.set(keys.subarray(0, 2 * rows));
    this.values.set(values.subarray(0, 3 * rows));
  }

  private halve(): void {
    this.level++;
    const { keys, values } = this;
    let kept = 0;
    for (let r = 0; r < this.rows; r++) {
      if (!this.keeps(keys[2 * r + 1])) continue;
      for (let i = 0; i < 2; i++) keys[2 * kept + i] = keys[2 * r + i];
      for (let i = 0; i < 3; i++) values[3 * kept + i] = values[3 * r + i];
      kept++;
    }
    this.rows = kept;
  }

  /** The rows' numbers, group by group in order of first appearance, and where each group ends. */
  private byGroup(): { order: Uint32Array; ends: Uint32Array } {
    const { rows } = this;
    const groups = this.groupOf();
    const ends = new Uint32Array(rows > 0 ? groups.reduce((most, group) => Math.max(most, group), 0) + 1 : 0);
    for (const group of groups) ends[group]++;
    for (let g = 1; g < ends.length; g++) ends[g] += ends[g - 1];
    const next = Uint32Array.from(ends, (_, g) => (g === 0 ? 0 : ends[g - 1]));
    const order = new Uint32Array(rows);
    for (let r = 0; r < rows; r++) order[next[groups[r]]++] = r;
    return { order, ends };
  }

  /** The group number of each row, by order of first appearance. */
  private groupOf(): Uint32Array {
    const { rows, keys } = this;
    const mask = 2 ** Math.ceil(Math.log2(2 * rows + 2)) - 1;
    /** By hash: the first row of a group, plus 1. */
    const slots = new Uint32Array(mask + 1);
    const groups = new Uint32Array(rows);
    let count = 0;
    for (let r = 0; r < rows; r++) {
      const k0 = keys[2 * r];
      const k1 = keys[2 * r + 1];
      let at = k0 & mask;
      while (slots[at] > 0 && (keys[2 * slots[at] - 2] !== k0 || keys[2 * slots[at] - 1] !== k1)) at = (at + 1) & mask;
      if (slots[at] === 0) {
        slots[at] = r + 1;
        groups[r] = count++;
      } else groups[r] = groups[slots[at] - 1];
    }
    return groups;
  }

  private totals(group: Uint32Array): { weight: number; positive: number } {
    let weight = 0;
    let positive = 0;
    for (const r of group) {
      weight += this.values[3 * r + 2];
      positive += this.values[3 * r + 2] * this.values[3 * r + 1];
    }
    return { weight, positive };
  }

  /** Weight of the positive-negative pairs in the right order; ties count 1/2. */
  private area(group: Uint32Array): number {
    const { values } = this;
    group.sort((a, b) => values[3 * a] - values[3 * b] || a - b);
    let area = 0;
    let below = 0;
    for (let i = 0; i < group.length; ) {
      const score = values[3 * group[i]];
      let positive = 0;
      let negative = 0;
      for (; i < group.length && values[3 * group[i]] === score; i++) {
        const label = values[3 * group[i] + 1];
        const weight = values[3 * group[i] + 2];
        positive += weight * label;
        negative += weight * (1 - label);
      }
      area += positive * (below + negative / 2);
      below += negative;
    }
    return area;
  }
}
