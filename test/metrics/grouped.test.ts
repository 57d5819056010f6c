import { describe, expect, it } from "vitest";
import { Rng } from "../../src/core/rng.js";
import { GroupedAuc, type GroupedRows } from "../../src/metrics/grouped.js";

const NONE = 99n;

interface Event {
  readonly group: bigint;
  readonly score: number;
  readonly label: number;
  readonly weight?: number;
}

function rowsOf(events: readonly Event[]): GroupedRows {
  const column = (of: (event: Event) => number) => Float32Array.from(events, of);
  return {
    keys: new Uint32Array(BigUint64Array.from(events, ({ group }) => group).buffer),
    scores: column(({ score }) => score),
    labels: column(({ label }) => label),
    weights: column(({ weight = 1 }) => weight),
  };
}

function grouped(events: readonly Event[], most = 1e6) {
  const auc = new GroupedAuc(most, NONE);
  auc.add(rowsOf(events), { from: 0, to: events.length });
  return auc;
}

/** By the definition: over every pair of a group. */
function byPairs(events: readonly Event[]) {
  const groups = new Map<bigint, Event[]>();
  for (const event of events)
    if (event.group !== NONE) groups.set(event.group, [...(groups.get(event.group) ?? []), event]);
  let [sum, all, clicks, clicked, counted] = [0, 0, 0, 0, 0];
  for (const group of groups.values()) {
    let [area, pairs, weight, positive] = [0, 0, 0, 0];
    for (const a of group) {
      const [wa, ya] = [a.weight ?? 1, a.label];
      weight += wa;
      positive += wa * ya;
      for (const b of group) {
        const pair = wa * ya * (b.weight ?? 1) * (1 - b.label);
        pairs += pair;
        area += pair * (Math.fround(a.score) > Math.fround(b.score) ? 1 : a.score === b.score ? 0.5 : 0);
      }
    }
    if (pairs === 0) continue;
    counted++;
    sum += (weight * area) / pairs;
    all += weight;
    clicks += (positive * area) / pairs;
    clicked += positive;
  }
  return { auc: sum / all, auc_by_clicks: clicks / clicked, groups: counted, one_class: groups.size - counted };
}

/** Groups of 1 to about 30 events; scores have few values, so that there are ties. */
function random(count: number, seed: number): Event[] {
  const rng = new Rng(seed);
  return Array.from({ length: count }, () => {
    const group = BigInt(Math.floor(rng.uniform() ** 2 * (count / 8)));
    const label = Number(rng.uniform() < 0.2);
    const score = Math.round(8 * (rng.uniform() + 0.3 * label)) / 8;
    return {
      group: (group * 0x9e3779b97f4a7c15n) % 2n ** 64n,
      score,
      label,
      weight: 1 + Math.floor(3 * rng.uniform()),
    };
  });
}

describe("AUC by group", () => {
  it("of a worked example: 3 × 2/3 and 2 × 0 over 5 events, by clicks (1 × 1/2 + 1 × 0) / 2; one class and no group are left out", () => {
    const events = [
      { group: 1n, score: 0.2, label: 0 },
      { group: 2n, score: 0.9, label: 0 },
      { group: 1n, score: 0.4, label: 1 },
      { group: 1n, score: 0.6, label: 0 },
      { group: 2n, score: 0.1, label: 1 },
      { group: 3n, score: 0.5, label: 0 },
      { group: 4n, score: 0.5, label: 1 },
      { group: NONE, score: 0.5, label: 1 },
      { group: 1n, score: Number.NaN, label: 1 },
    ];
    expect(grouped(events).quality()).toEqual({
      auc: (3 * 0.5 + 2 * 0) / 5,
      auc_by_clicks: (1 * 0.5 + 1 * 0) / 2,
      groups: 2,
      events: 5,
      one_class: 2,
      one_class_events: 2,
      ungrouped: 1,
      share: 1,
    });
  });

  it("is null if no group has both classes", () => {
    expect(grouped([{ group: 1n, score: 0, label: 1 }]).quality()).toMatchObject({ auc: null, auc_by_clicks: null });
    expect(grouped([]).quality()).toMatchObject({ auc: null, groups: 0, one_class: 0 });
  });

  it.each([1, 2, 3])("equals the count of all pairs, ties and weights included (seed %i)", (seed) => {
    const events = random(4000, seed);
    const { auc, auc_by_clicks, ...counts } = byPairs(events);
    const found = grouped(events).quality();
    expect(found.auc).toBeCloseTo(auc, 12);
    expect(found.auc_by_clicks).toBeCloseTo(auc_by_clicks, 12);
    expect(found).toMatchObject(counts);
  });

  it("with too little memory, is that of the groups with the smallest hashes, all of their events", () => {
    const events = random(20_000, 5);
    const found = grouped(events, 6000).quality();
    expect(found.share).toBeLessThanOrEqual(1 / 4);
    const kept = events.filter(({ group }) => Number(group >> 32n) < found.share * 2 ** 32);
    const { auc, ...counts } = byPairs(kept);
    expect(found.auc).toBeCloseTo(auc, 12);
    expect([found.groups, found.one_class]).toEqual([counts.groups, counts.one_class]);
    expect(found.auc).toBeCloseTo(byPairs(events).auc, 1);
  });

  it("a group that alone is too large is dropped, and memory stays bounded", () => {
    const auc = grouped(
      Array.from({ length: 9000 }, (_, i) => ({ group: 2n ** 63n, score: i, label: i % 2 })),
      5000,
    );
    expect(auc.quality()).toMatchObject({ auc: null, groups: 0 });
  });

  it("continues identically from its blocks, for any batch boundaries", () => {
    const events = random(9000, 7);
    const rows = rowsOf(events);
    const first = new GroupedAuc(5000, NONE);
    for (let from = 0; from < 6000; from += 997) first.add(rows, { from, to: Math.min(6000, from + 997) });
    const second = new GroupedAuc(5000, NONE);
    second.restore("g", new Map(first.blocks("g").map(({ name, data }) => [name, { data: data.slice() }])));
    second.add(rows, { from: 6000, to: 9000 });
    expect(second.quality()).toEqual(grouped(events, 5000).quality());
  });
});
