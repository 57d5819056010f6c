import { describe, expect, it } from "vitest";
import { Rng } from "../../src/core/rng.js";
import { alwaysValid, comparePaired } from "../../src/metrics/paired.js";
import { BLOCK_EVENTS, ScoreBlocks } from "../../src/metrics/score-blocks.js";

interface Event {
  readonly label: number;
  readonly weight: number;
  readonly logits: readonly [number, number];
}

/** Events of two models; the second one is better by `gain`. Logits are the middles of cells, so that ties are those of the cells. */
function events(count: number, gain = 0.2, seed = 3): Event[] {
  const rng = new Rng(seed);
  const cell = (x: number) => (Math.floor(x * 64) + 0.5) / 64;
  return Array.from({ length: count }, () => {
    const truth = 4 * rng.uniform() - 3;
    const label = rng.uniform() < 1 / (1 + Math.exp(-truth)) ? 1 : 0;
    const noise = () => 2 * rng.uniform() - 1;
    return {
      label,
      weight: 1 + rng.below(2),
      logits: [cell(truth + noise()), cell(truth + (1 - gain) * noise())],
    };
  });
}

function scored(stream: readonly Event[], model: 0 | 1, pieces = stream.length) {
  const blocks = new ScoreBlocks();
  for (let from = 0; from < stream.length; from += pieces) {
    const some = stream.slice(from, from + pieces);
    blocks.add(
      from,
      Float32Array.from(some, ({ logits }) => logits[model]),
      Float32Array.from(some, ({ label }) => label),
      Float32Array.from(some, ({ weight }) => weight),
    );
  }
  return blocks.until(stream.length);
}

const loss = ({ label, weight, logits }: Event, model: 0 | 1) =>
  weight * Math.log(1 + Math.exp(label ? -logits[model] : logits[model]));
const sum = (values: readonly number[]) => values.reduce((all, x) => all + x, 0);
const meanLoss = (some: readonly Event[], model: 0 | 1) =>
  sum(some.map((event) => loss(event, model))) / sum(some.map(({ weight }) => weight));

function entropy(some: readonly Event[], model: 0 | 1): number {
  const rate = sum(some.map(({ label, weight }) => label * weight)) / sum(some.map(({ weight }) => weight));
  return meanLoss(some, model) / -(rate * Math.log(rate) + (1 - rate) * Math.log(1 - rate));
}

/** Computed pair by pair. */
function auc(some: readonly Event[], model: 0 | 1): number {
  const of = (label: number) => some.filter((event) => event.label === label);
  const [negatives, weights] = [of(0).map(({ logits }) => logits[model]), of(0).map(({ weight }) => weight)];
  let ordered = 0;
  for (const { logits, weight } of of(1)) {
    const score = logits[model];
    let below = 0;
    for (let i = 0; i < negatives.length; i++)
      below += negatives[i] < score ? weights[i] : negatives[i] === score ? weights[i] / 2 : 0;
    ordered += weight * below;
  }
  return ordered / (sum(of(1).map(({ weight }) => weight)) * sum(weights));
}

/** Miller (1974): the figure recomputed without each block. */
function jackknife(stream: readonly Event[], of: (some: readonly Event[], model: 0 | 1) => number) {
  const delta = (some: readonly Event[]) => of(some, 1) - of(some, 0);
  const count = stream.length / BLOCK_EVENTS;
  const without = Array.from({ length: count }, (_, b) =>
    delta([...stream.slice(0, b * BLOCK_EVENTS), ...stream.slice((b + 1) * BLOCK_EVENTS)]),
  );
  const mean = sum(without) / count;
  return {
    difference: delta(stream),
    se: Math.sqrt(((count - 1) / count) * sum(without.map((value) => (value - mean) ** 2))),
  };
}

describe("a paired difference", () => {
  it("is that of the whole stream, with the jackknife error over blocks: loss, NE and AUC", () => {
    const stream = events(12 * BLOCK_EVENTS);
    const found = comparePaired(scored(stream, 0), scored(stream, 1));
    expect([found.events, found.blocks]).toEqual([stream.length, 12]);
    for (const [reported, of] of [
      [found.logloss, meanLoss],
      [found.normalized_entropy, entropy],
      [found.auc!, auc],
    ] as const) {
      const wanted = jackknife(stream, of);
      expect(reported.difference).toBeCloseTo(wanted.difference, 6);
      expect(reported.se!).toBeCloseTo(wanted.se, 6);
      expect(reported.se!).toBeGreaterThan(0);
    }
  });

  it("has the standard error of batch means if all events have the same weight", () => {
    const stream = events(16 * BLOCK_EVENTS).map((event) => ({ ...event, weight: 1 }));
    const means = Array.from({ length: 16 }, (_, b) => {
      const block = stream.slice(b * BLOCK_EVENTS, (b + 1) * BLOCK_EVENTS);
      return meanLoss(block, 1) - meanLoss(block, 0);
    });
    const mean = sum(means) / 16;
    const se = Math.sqrt(sum(means.map((x) => (x - mean) ** 2)) / 15 / 16);
    expect(comparePaired(scored(stream, 0), scored(stream, 1)).logloss.se!).toBeCloseTo(se, 8);
  });

  it("does not depend on batch boundaries, nor on the order in which blocks are merged", () => {
    const stream = events(140 * BLOCK_EVENTS + 100);
    const whole = comparePaired(scored(stream, 0), scored(stream, 1));
    expect(whole.blocks).toBe(70);
    expect(comparePaired(scored(stream, 0, 700), scored(stream, 1, 333))).toEqual(whole);
    const behind = scored(stream.slice(0, 120 * BLOCK_EVENTS), 0);
    const ahead = comparePaired(behind, scored(stream, 1));
    expect([ahead.blocks, ahead.events]).toEqual([60, 120 * BLOCK_EVENTS]);
  });

  it("is zero for one model; it has no error for a few blocks, and no AUC for one class", () => {
    const stream = events(12 * BLOCK_EVENTS);
    const same = comparePaired(scored(stream, 0), scored(stream, 0));
    expect([same.logloss, same.auc, same.p]).toEqual([{ difference: 0, se: 0 }, { difference: 0, se: 0 }, 1]);
    const few = comparePaired(scored(stream.slice(0, 3 * BLOCK_EVENTS), 0), scored(stream, 1));
    expect([few.blocks, few.logloss.se, few.p]).toEqual([3, null, null]);
    const negative = stream.map((event) => ({ ...event, label: 0 }));
    expect(comparePaired(scored(negative, 0), scored(negative, 1)).auc).toBeNull();
    expect(comparePaired(scored([], 0), scored([], 1))).toMatchObject({ events: 0, blocks: 0, auc: null, p: null });
  });

  it("ignores scores that are not finite", () => {
    const stream = events(12 * BLOCK_EVENTS);
    const broken = stream.map((event, i) => (i % 7 ? event : { ...event, logits: [Number.NaN, 0] as const }));
    const found = comparePaired(scored(broken, 0), scored(broken, 0));
    expect([found.logloss.difference, found.auc!.difference]).toEqual([0, 0]);
    expect(found.events).toBeLessThan(stream.length);
  });
});

describe("the always-valid p-value", () => {
  it("falls below 0.05 at any time in at most 5 % of streams without a difference", () => {
    const rng = new Rng(1);
    const normal = () => Math.sqrt(-2 * Math.log(1 - rng.uniform())) * Math.cos(2 * Math.PI * rng.uniform());
    const STREAMS = 2000;
    let [alarms, naive] = [0, 0];
    for (let s = 0; s < STREAMS; s++) {
      let [total, least, mostZ] = [0, 1, 0];
      for (let n = 1; n <= 400; n++) {
        total += normal();
        const z = total / Math.sqrt(n);
        least = Math.min(least, alwaysValid(z, n));
        mostZ = Math.max(mostZ, Math.abs(z));
      }
      if (least < 0.05) alarms++;
      if (mostZ > 1.96) naive++;
    }
    expect(alarms / STREAMS).toBeLessThan(0.05);
    expect(naive / STREAMS).toBeGreaterThan(0.3);
  });

  it("is one over the mixture's likelihood ratio, and 1 without data", () => {
    // For a mean m ~ N(0, 1/100) and n parts of variance 1: the ratio, integrated numerically.
    const [z, n] = [4, 50];
    const mean = z / Math.sqrt(n);
    let ratio = 0;
    for (let i = -4000; i < 4000; i++) {
      const m = i / 5000;
      ratio +=
        (Math.exp(n * (mean * m - (m * m) / 2)) * Math.exp(-(m * m) / (2 / 100))) /
        Math.sqrt((2 * Math.PI) / 100) /
        5000;
    }
    expect(alwaysValid(z, n)).toBeCloseTo(1 / ratio, 6);
    expect(alwaysValid(0, 1000)).toBe(1);
  });
});
