import { describe, expect, it } from "vitest";
import { Batch, type BatchLayout, batchLayout } from "../../src/core/batch.js";
import { Rng } from "../../src/core/rng.js";
import { sigmoid } from "../../src/metrics/kernel.js";
import { createModel } from "../../src/model/create.js";
import type { Model } from "../../src/model/model.js";
import { specHash } from "../../src/spec/hash.js";
import { parseSpec } from "../../src/spec/parse.js";
import { FirstSteps, type FirstStepsState } from "../../src/train/first-steps.js";

const BATCH = 256;

interface More {
  readonly label?: string;
  readonly train?: string;
  readonly columns?: string;
  readonly join?: string;
}

const source = (tower: string, more: More = {}) => `
name: first-steps
events: { format: tsv, columns: [label, a, b${more.columns ?? ""}] }
label: { field: label${more.label ?? ""} }
fields:
  - { name: a, type: categorical, table: ids }
  - { name: b, type: categorical, table: ids }
tables: { ids: { ${tower === "lr" ? "" : "dim: 4, "}salt: field } }
tower: ${tower}
train: { batch: ${BATCH}${more.train ?? ""} }
${more.join ?? ""}`;

async function open(tower: string, more?: More) {
  const spec = parseSpec(source(tower, more), "test.yaml");
  const layout = batchLayout(spec, BATCH);
  return { spec, layout, model: await createModel(spec, { layout, threads: 1, purpose: "train" }) };
}

/** Batches of events with a share of positives. */
function batches(layout: BatchLayout, count: number, share: number, rows = BATCH): Batch[] {
  const rng = new Rng(5);
  return Array.from({ length: count }, () => {
    const batch = new Batch(layout, rows, new ArrayBuffer(layout.bytes));
    const keys = batch.keys(0);
    for (let i = 0; i < keys.length; i++) keys[i] = BigInt(rng.below(40) + 1) * 0x9e3779b97f4a7c1n;
    for (let r = 0; r < rows; r++) batch.labels[r] = Number(rng.uniform() < share);
    batch.weights.fill(1);
    return batch;
  });
}

/** Learns batches; returns the prediction for every event before it was learned, and the rows of each step. */
async function learn(model: Model, steps: FirstSteps, stream: readonly Batch[]) {
  const predicted: number[] = [];
  const rows: number[] = [];
  const learnStep = model.learn.bind(model);
  model.learn = (part) => {
    rows.push(part.rows);
    return learnStep(part);
  };
  for (const batch of stream) predicted.push(...sigmoid((await steps.learn(model, batch)).logits));
  return { predicted, rows };
}

const sum = (values: Iterable<number>) => [...values].reduce((total, x) => total + x, 0);
const bytesOf = (model: Model) => model.blocks().map(({ name, data }) => [name, Buffer.from(data).toString("hex")]);

describe("a tower's first steps", () => {
  it("predict the rate of a rare label from the first few events on, instead of one half", async () => {
    const { spec, layout, model } = await open("deep_crossing");
    const stream = batches(layout, 2, 0.03);
    const { predicted } = await learn(model, new FirstSteps(spec), stream);
    expect(sum(predicted.slice(0, 16)) / 16).toBeGreaterThan(0.3);
    const actual = sum(stream.flatMap(({ labels }) => [...labels])) / predicted.length;
    const ratio = sum(predicted.slice(16)) / (predicted.length - 16) / actual;
    expect(ratio).toBeGreaterThan(0.6);
    expect(ratio).toBeLessThan(1.6);
  });

  it("grow from a few rows to full batches, depending only on the events before them", async () => {
    const { spec, layout, model } = await open("deep_crossing");
    const grow = async (stream: readonly Batch[]) => (await learn(model, new FirstSteps(spec), stream)).rows;
    const rows = await grow(batches(layout, 20, 0.3));
    expect(rows.slice(0, 4)).toEqual([16, 32, 32, 32]);
    expect(rows.at(-1)).toBe(BATCH);
    for (let i = 0, events = 0; i < rows.length; events += rows[i++])
      if (events >= 16 * BATCH) expect(rows[i]).toBe(BATCH);
    expect(sum(rows)).toBe(20 * BATCH);
    const short = await grow(batches(layout, 3, 0.3, 10));
    expect(short).toEqual([10, 10, 10]);
  });

  it("use full batches with warmup 0, and end at the configured warmup", async () => {
    const none = await open("deep_crossing", { train: ", warmup: 0" });
    expect((await learn(none.model, new FirstSteps(none.spec), batches(none.layout, 3, 0.3))).rows).toEqual([
      BATCH,
      BATCH,
      BATCH,
    ]);
    const short = await open("deep_crossing", { train: `, warmup: ${BATCH}` });
    const { rows } = await learn(short.model, new FirstSteps(short.spec), batches(short.layout, 3, 0.3));
    expect(rows.slice(-2)).toEqual([BATCH, BATCH]);
    expect(rows.length).toBeGreaterThan(3);
  });

  it("give the same bytes when interrupted and resumed between any two batches", async () => {
    const whole = await open("deep_crossing");
    const stream = batches(whole.layout, 6, 0.1, 90);
    await learn(whole.model, new FirstSteps(whole.spec), stream);
    let state: FirstStepsState | undefined;
    let model = (await open("deep_crossing")).model;
    for (const batch of stream) {
      const next = (await open("deep_crossing")).model;
      next.restore(new Map(model.blocks().map((block) => [block.name, block])));
      model = next;
      const steps = new FirstSteps(whole.spec, state);
      await learn(model, steps, [batch]);
      state = JSON.parse(JSON.stringify(steps.state));
    }
    expect(bytesOf(model)).toEqual(bytesOf(whole.model));
  });

  it("of lanes are divided evenly, depending only on the folded rounds", async () => {
    const { spec, layout, model } = await open("deep_crossing", { train: ", lanes: 4" });
    const parts: (readonly number[] | undefined)[] = [];
    const learnRound = model.learn.bind(model);
    model.learn = (batch, taken, given) => {
      parts.push(given);
      return learnRound(batch, taken, given);
    };
    const steps = new FirstSteps(spec);
    expect(steps.laneRows).toBe(4);
    for (const batch of batches(layout, 18, 0.3)) await steps.learn(model, batch);
    expect(parts.slice(0, 3)).toEqual([
      [4, 4, 4, 4],
      [8, 8, 8, 8],
      [8, 8, 8, 8],
    ]);
    expect(parts.slice(-2)).toEqual([undefined, undefined]);
    expect(steps.laneRows).toBe(BATCH / 4);
    expect(steps.state).toMatchObject({ examples: 18 * BATCH, grows: true });
  });

  it("of lanes: the round after the next is known in advance, unless the next one decides it", async () => {
    const { spec, model } = await open("deep_crossing", { train: ", lanes: 4" });
    const quiet = { ...model, shiftBias: () => {} } as unknown as Model;
    let unknown = 0;
    for (let examples = 0; examples < 20 * BATCH; examples += 64) {
      const steps = FirstSteps.of(spec, examples > 0, { examples, weight: 1, positive: 0.5, grows: true });
      const { laneRows, laneRowsAfter } = steps;
      if (laneRowsAfter === null) unknown++;
      for (const rows of [0, 1, laneRows * 4].filter(() => laneRowsAfter !== null)) {
        const after = FirstSteps.of(spec, examples > 0, steps.state!);
        after.folded(quiet, { rows, weight: rows, positive: rows / 4, logits: 0, skipped: 0 });
        expect(after.laneRows).toBe(laneRowsAfter);
      }
    }
    expect(unknown).toBeGreaterThan(1);
    expect(unknown).toBeLessThan(20);
  });

  it("of lanes: a checkpoint from before rounds grew continues with full rounds", async () => {
    const { spec, layout, model } = await open("deep_crossing", { train: ", lanes: 4" });
    const steps = FirstSteps.of(spec, true, { examples: BATCH, weight: BATCH, positive: 70 });
    expect(steps.laneRows).toBe(BATCH / 4);
    const learnRound = model.learn.bind(model);
    const rows: number[] = [];
    model.learn = (batch, ...more) => {
      rows.push(batch.rows);
      return learnRound(batch, ...more);
    };
    for (const batch of batches(layout, 3, 0.3)) await steps.learn(model, batch);
    expect(rows).toEqual([BATCH, BATCH, BATCH]);
    expect(steps.state).toEqual({ examples: 4 * BATCH, weight: BATCH, positive: 70 });
  });

  it("are not used by a run that began without them", async () => {
    const { spec, layout, model } = await open("deep_crossing");
    const stream = batches(layout, 3, 0.3);
    const { rows } = await learn(model, new FirstSteps(spec, null), stream);
    expect(rows).toEqual([BATCH, BATCH, BATCH]);
    const plain = (await open("deep_crossing")).model;
    for (const batch of stream) await plain.learn(batch);
    expect(bytesOf(model)).toEqual(bytesOf(plain));
  });

  it.each([0, 1])("stay finite if all first labels are %i, and if weights are tiny", async (share) => {
    for (const weight of [1, 1e30, 0]) {
      const { spec, layout, model } = await open("deep_crossing");
      const stream = batches(layout, 2, share);
      for (const { weights } of stream) weights.fill(weight);
      const { predicted } = await learn(model, new FirstSteps(spec), stream);
      expect(predicted.every((p) => p > 0 && p < 1)).toBe(true);
      for (const { data, dtype } of model.blocks())
        if (dtype === "F32") expect(new Float32Array(data.slice().buffer).every(Number.isFinite)).toBe(true);
    }
  });

  it("count events by their weight", async () => {
    const { spec, layout, model } = await open("deep_crossing");
    const [batch] = batches(layout, 1, 0.5);
    for (let r = 0; r < batch.rows; r++) batch.weights[r] = batch.labels[r] ? 1 : 19;
    const { predicted } = await learn(model, new FirstSteps(spec), [batch]);
    const late = sum(predicted.slice(-32)) / 32;
    expect(late).toBeGreaterThan(0.02);
    expect(late).toBeLessThan(0.12);
  });
});

describe.each(["deep_crossing", "dcn_v2", "deepfm", "deep_ffm", "dlrm", "wide_deep", "lr", "fm"])(
  "label.prior with %s",
  (tower) => {
    it("is the prediction before any event is learned", async () => {
      const wide = tower === "wide_deep" ? `${tower}\nwide: { fields: [a], bits: 8 }` : tower;
      const { spec, layout, model } = await open(wide, { label: ", prior: 0.02" });
      const { predicted } = await learn(model, new FirstSteps(spec), batches(layout, 1, 0.02, 8));
      expect(predicted[0]).toBeGreaterThan(0.015);
      expect(predicted[0]).toBeLessThan(0.03);
      expect(sum(predicted) / 8).toBeCloseTo(0.02, 2);
    });
  },
);

describe.each(["deep_crossing", "lr"])("label.prior of late labels, with %s", (tower) => {
  it.each(["plain", "fnw", "fnc"])("is the prediction before any event is learned: %s", async (method) => {
    const { spec, layout, model } = await open(tower, {
      label: ", prior: 0.02, id: id, time: t",
      columns: ", id, t",
      join: `join: { clicks: { format: tsv, columns: [id, t], id: id, time: t }, correct: { method: ${method}, ages: [1h] } }`,
    });
    const { predicted } = await learn(model, new FirstSteps(spec), batches(layout, 1, 0.02, 8));
    expect(sum(predicted) / 8).toBeCloseTo(0.02, 2);
  });
});

describe("lr without a prior", () => {
  it("learns as before, event by event", async () => {
    const { spec, layout, model } = await open("lr");
    const stream = batches(layout, 2, 0.3);
    await learn(model, new FirstSteps(spec), stream);
    const plain = (await open("lr")).model;
    for (const batch of stream) await plain.learn(batch);
    expect(bytesOf(model)).toEqual(bytesOf(plain));
  });
});

describe("the spec of first steps", () => {
  it("keeps its earlier hash if the option is absent or has the default", () => {
    const hash = (more?: More) => specHash(parseSpec(source("deep_crossing", more), "test.yaml"));
    expect(hash({ train: `, warmup: ${16 * BATCH}` })).toBe(hash());
    expect(hash()).toBe("40c7dece7a9d55b8");
    expect(hash({ train: ", warmup: 0" })).not.toBe(hash());
    expect(hash({ label: ", prior: 0.03" })).not.toBe(hash());
  });

  it("refuses invalid values", () => {
    expect(() => parseSpec(source("lr", { train: ", warmup: 100" }), "test.yaml")).toThrow(
      /train\.warmup.*event by event/s,
    );
    for (const prior of [0, 1, -0.1, '"a"']) {
      expect(() => parseSpec(source("lr", { label: `, prior: ${prior}` }), "test.yaml")).toThrow(/label\.prior/);
    }
  });
});
