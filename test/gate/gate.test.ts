import { describe, expect, it } from "vitest";
import { Batch, batchLayout } from "../../src/core/batch.js";
import { Rng } from "../../src/core/rng.js";
import { type Breach, breachText, Gate } from "../../src/gate/gate.js";
import type { ScoreSums } from "../../src/metrics/score-cells.js";
import { compiledFromJson, specHash } from "../../src/spec/compile.js";
import { keyColumn } from "../../src/spec/key-column.js";
import { parseSpec } from "../../src/spec/parse.js";

const specOf = (gate: string, label = "field: y") =>
  parseSpec(
    `
name: g
events: { format: json }
label: { ${label} }
fields:
  - { name: user, type: categorical, table: t }
  - { name: hour, type: categorical, table: t }
  - { name: tags, type: bag, table: t }
  - { name: price, type: numeric }
  - { name: clock, type: numeric }
tables: { t: { dim: 4 } }
tower: deep_crossing
train: { batch: 500 }
${gate}`,
    "g.yaml",
  );

/** The properties of a stream; by default it is normal. */
interface Feed {
  readonly noUser?: number;
  readonly noTags?: number;
  /** Added to every user's id. */
  readonly offset?: number;
  readonly price?: number;
  readonly rejects?: number;
  readonly rate?: number;
  readonly predicted?: number;
  readonly hour?: number;
}

/** A gate, and a stream for it in batches of 500. */
function watched(gate: string, seed = 1, label?: string) {
  const spec = specOf(gate, label);
  const layout = batchLayout(spec, spec.batch);
  const [user, hour] = ["user", "hour"].map((name) => keyColumn(spec, name));
  const rng = new Rng(seed);
  /** Approximately normally distributed. */
  const normal = () => Math.sqrt(3) * (rng.uniform() + rng.uniform() + rng.uniform() + rng.uniform() - 2);
  const id = (value: number) => BigInt.asUintN(64, BigInt(value + 1) * 0x9e3779b97f4a7c15n);
  let scores: ScoreSums = { weight: 0, positive: 0, predicted: 0, loss: 0 };
  let examples = 0;
  const add = (one: Gate, feed: Feed = {}) => {
    const { noUser = 0.02, noTags = 0.3, offset = 0, price = 1, rejects = 0, rate = 0.1, predicted = rate } = feed;
    const batch = new Batch(layout, 500, new ArrayBuffer(layout.bytes));
    const { offsets } = batch.bag(0);
    for (let r = 0; r < 500; r++) {
      batch.labels[r] = Number(r % 10 === 0);
      batch.weights[r] = 1 + (r % 3);
      const at = r * user.singles;
      const none = rng.uniform() < noUser;
      batch.keys(0)[at + user.cell] = none ? user.missing : id(offset + Math.floor(800 * rng.uniform() ** 2));
      batch.keys(0)[at + hour.cell] = id(1e6 + (feed.hour ?? Math.floor(examples / 30_000)));
      offsets[r + 1] = offsets[r] + Number(rng.uniform() >= noTags);
      batch.numbers[2 * r] = price * (10 + 5 * normal());
      batch.numbers[2 * r + 1] = 1e6 + examples + r;
    }
    const positive = rate > 0 ? 500 * rate + 7 * normal() : 0;
    scores = {
      weight: scores.weight + 500,
      positive: scores.positive + positive,
      predicted: scores.predicted + 500 * predicted,
      loss: scores.loss - (rate > 0 ? 450 * (rate * Math.log(rate) + (1 - rate) * Math.log(1 - rate)) : 0),
    };
    examples += 500;
    return one.add(batch, rejects, {
      scores,
      examples,
      slices: () => [{ slice: "de", positives: 200, calibrated: 1.5 }],
    });
  };
  const many = (one: Gate, events: number, feed?: Feed) => {
    for (const end = examples + events; examples < end && !one.hold; ) add(one, feed);
    return one;
  };
  return { gate: new Gate(spec), spec, add, many, examples: () => examples };
}

const names = (gate: Gate) => gate.hold?.breaches.map(({ signal }: Breach) => signal);

describe("a gate with learned bounds", () => {
  it.each([1, 2, 3])("accepts 300,000 ordinary events, with a clock and new hours among them (%i)", (seed) => {
    const { gate, many } = watched("gate: hold", seed);
    expect(names(many(gate, 300_000))).toBeUndefined();
    expect(gate.state).toMatchObject({ holds: 0, good: 300_000, recovered: 150 });
  });

  it.each<[string, Feed]>([
    ["missing(user)", { noUser: 1 }],
    ["missing(user)", { noUser: 0.4 }],
    ["missing(tags)", { noTags: 1 }],
    ["unseen(user)", { offset: 1e5 }],
    ["mean(price)", { price: 100 }],
    ["spread(price)", { price: 100 }],
    ["reject_rate", { rejects: 100 }],
    ["label_rate", { rate: 0.02 }],
    ["calibration", { predicted: 0.2 }],
  ])("%s is detected within 5,000 events: %j", (signal, feed) => {
    const { gate, many, examples } = watched("gate: hold");
    many(gate, 40_250);
    const before = examples();
    expect(names(many(gate, 5000, feed))).toContain(signal);
    expect(gate.hold!.since - before).toBeLessThanOrEqual(5000);
  });

  it("does not learn from a bad window, and reports how many good ones followed", () => {
    const { gate, add, many } = watched("gate: hold");
    many(gate, 40_000);
    for (let i = 0; i < 200; i++) add(gate, { noUser: 1 });
    expect(gate.state).toMatchObject({ good: 40_000, recovered: 0, holds: 1 });
    for (let i = 0; i < 12; i++) add(gate);
    expect(gate.state.recovered).toBe(3);
    gate.resume();
    expect(names(many(gate, 20_000))).toBeUndefined();
    expect(names(many(gate, 5000, { noUser: 1 }))).toContain("missing(user)");
    expect(gate.state.holds).toBe(2);
  });

  it("learns what was accepted while out of bounds as the new normal", () => {
    const { gate, many } = watched("gate: hold");
    many(gate, 40_000);
    many(gate, 5000, { noUser: 0.5 });
    gate.resume();
    expect(names(many(gate, 60_000, { noUser: 0.5 }))).toBeUndefined();
    expect(names(many(gate, 5000, { noUser: 1 }))).toContain("missing(user)");
  });

  it.each(["field: y", "field: y, weight: w"])("continues identically from its blocks (%s)", (label) => {
    const [one, other] = [watched("gate: hold", 5, label), watched("gate: hold", 5, label)];
    one.many(one.gate, 51_500);
    other.many(other.gate, 51_500);
    const again = new Gate(one.spec);
    const saved = new Map(one.gate.blocks().map(({ name, data }) => [name, { data: data.slice() }]));
    again.restore(JSON.parse(JSON.stringify(one.gate.state)), saved);
    one.many(again, 10_000, { price: 1.4 });
    other.many(other.gate, 10_000, { price: 1.4 });
    expect(again.state).toEqual(other.gate.state);
    expect(again.blocks()).toEqual(other.gate.blocks());
  });
});

it("a gate does not judge a window with too few events, whatever their weights", () => {
  const { spec } = watched("gate: { window: 100, warmup: 2 }", 1, "field: y, weight: w");
  const layout = batchLayout(spec, spec.batch);
  const gate = new Gate(spec);
  let scores: ScoreSums = { weight: 0, positive: 0, predicted: 0, loss: 0 };
  for (let window = 0; window < 12; window++) {
    // 99 of 104 events are rejected, or without weight.
    const batch = new Batch(layout, 104, new ArrayBuffer(layout.bytes));
    const positives = window < 10 ? 2 : 5;
    batch.weights.fill(100, 0, 5);
    batch.labels.fill(1, 0, positives);
    const { weight, positive } = scores;
    scores = { ...scores, weight: weight + 500, positive: positive + 100 * positives, predicted: positive, loss: 0 };
    gate.add(batch, 0, { scores, examples: 104 * (window + 1), slices: () => [] });
  }
  expect(names(gate)).toBeUndefined();
});

describe("configured bounds", () => {
  it("apply to every complete window, in place of learned ones", () => {
    const { gate, many } = watched("gate: { bounds: { missing: 0.5 }, fields: { tags: { missing: [0, 0.1] } } }");
    expect(names(many(gate, 1500))).toBeUndefined();
    expect(names(many(gate, 500))).toEqual(["missing(tags)"]);
    expect(breachText(gate.hold!.breaches[0])).toMatch(/^missing\(tags\) is 0\.\d+, above 0\.1$/);
  });

  it("are the only ones if sigmas is 0", () => {
    const { gate, many } = watched("gate: { sigmas: 0 }");
    many(gate, 40_000);
    expect(names(many(gate, 10_000, { noUser: 1, rejects: 300 }))).toBeUndefined();
  });

  it("detect that clicks stop: without a positive, predicted ÷ actual is above every bound", () => {
    const { gate, many } = watched("gate: { sigmas: 0, bounds: { calibration: [0.5, 2] } }");
    expect(names(many(gate, 10_000))).toBeUndefined();
    expect(names(many(gate, 5000, { rate: 0, predicted: 0.1 }))).toEqual(["calibration"]);
    expect(breachText(gate.hold!.breaches[0])).toBe("calibration is infinite, above 2");
    expect(JSON.parse(JSON.stringify(gate.state))).toEqual(gate.state);
  });

  it("of slices use the slices of the calibration", () => {
    const { gate, many } = watched("calibration: { by: user }\ngate: { bounds: { slice_calibration: [0.8, 1.25] } }");
    expect(names(many(gate, 2000))).toEqual(["slice_calibration(de)"]);
  });
});

describe("gate in a spec", () => {
  it("does not change the hash, has defaults, and survives a round trip through a checkpoint", () => {
    const spec = specOf("gate: side");
    expect(spec.gate).toEqual({ action: "side", window: 2000, warmup: 10, sigmas: 6, bounds: {} });
    expect(specHash(spec)).toBe(specHash(specOf("")));
    const given = specOf(
      "gate: { window: 500, bounds: { label_rate: [0.01, 0.3] }, fields: { price: { mean: [1, 2] } } }",
    );
    expect(given.gate!.bounds).toEqual({
      label_rate: { least: 0.01, most: 0.3 },
      "mean(price)": { least: 1, most: 2 },
    });
    expect(compiledFromJson(JSON.stringify(given))).toEqual(given);
  });

  it.each([
    ["gate: { bounds: { label_rate: [0.3, 0.1] } }", "minimum 0.3 exceeds maximum 0.1"],
    ["gate: { fields: { nix: { missing: 0.1 } } }", '"nix" is not a field'],
    ["gate: { bounds: { slice_calibration: 2 } }", "has no effect without calibration slices"],
    ["gate: { window: 10 }", "gate.window"],
    ["gate: stop", "gate"],
  ])("%s is refused", (text, message) => {
    expect(() => specOf(text)).toThrow(message);
  });
});
