import { describe, expect, it } from "vitest";
import { Calibrator } from "../../src/calibration/calibrator.js";
import { type BatchLayout, batchLayout } from "../../src/core/batch.js";
import { createModel } from "../../src/model/create.js";
import type { Model } from "../../src/model/model.js";
import type { CompiledSpec } from "../../src/spec/compiled.js";
import { parseSpec } from "../../src/spec/parse.js";
import type { ServingPrecision } from "../../src/tables/table.js";
import { servedBatch, servedSpec } from "./served.js";

const towers = ["lr", "fm", "ffm", "deep_crossing", "wide_deep", "deepfm", "deep_ffm", "dcn_v2", "dlrm"] as const;
const encodings = ["hash", "exact"] as const;
/** Encodings with dense weights: only for towers. */
const decoded = ["dhe", "low_dim"] as const;
const optimizers = ["ftrl", "adagrad", "adam"] as const;

async function open(
  spec: CompiledSpec,
  purpose: "train" | "serve",
  servingPrecision?: ServingPrecision,
): Promise<{ model: Model; layout: BatchLayout }> {
  const layout = batchLayout(spec, spec.batch);
  return { layout, model: await createModel(spec, { layout, threads: 1, purpose, servingPrecision }) };
}

const bits = (logits: Float32Array): number[] => [...new Uint32Array(logits.slice().buffer)];

describe.each(towers)("%s, sent to a replica", (tower) => {
  const all = tower === "deep_crossing" ? [...encodings, ...decoded] : encodings;
  it.each(all.flatMap((encoding) => optimizers.map((optimizer) => [encoding, optimizer] as const)))(
    "%s tables, %s: predicts the trainer's bits after every batch",
    async (encoding, optimizer) => {
      const spec = parseSpec(servedSpec(tower, { encoding, optimizer }), "test.yaml");
      const [trainer, replica] = [await open(spec, "train"), await open(spec, "serve")];
      const changes = trainer.model.serving.changes();
      for (let i = 0; i < 5; i++) {
        await trainer.model.learn(servedBatch(trainer.layout, 1 + i * 15, i, 30));
        const packed = trainer.model.serving.pack(i === 0 ? "all" : changes.take(), 700);
        const states = [...packed.states()];
        expect(states).toHaveLength(packed.parts);
        for (const state of states) replica.model.serving.apply(state);
        const unseen = servedBatch(trainer.layout, 64, 100 + i, 60);
        const expected = bits(await trainer.model.predict(unseen));
        expect(bits(await replica.model.predict(unseen))).toEqual(expected);
        expect(new Set(expected).size).toBeGreaterThan(2);
      }
      await Promise.all([trainer.model.close(), replica.model.close()]);
    },
  );
});

it.each([
  ["lr", "ftrl", "q2.13"],
  ["lr", "ftrl", "f16"],
  ["fm", "adagrad", "int8"],
  ["deep_crossing", "rowwise_adagrad", "int8"],
  ["deep_crossing", "ftrl", "f16"],
] as const)("%s, %s in %s, sent to a replica: predicts the trainer's bits", async (tower, optimizer, precision) => {
  const spec = lowPrecision(parseSpec(servedSpec(tower, { encoding: "hash", optimizer }), "test.yaml"), precision);
  const [trainer, replica] = [await open(spec, "train"), await open(spec, "serve")];
  const changes = trainer.model.serving.changes();
  for (let i = 0; i < 4; i++) {
    await trainer.model.learn(servedBatch(trainer.layout, 60, i, 30));
    for (const state of trainer.model.serving.pack(changes.take()).states()) {
      replica.model.serving.apply(state);
    }
    const unseen = servedBatch(trainer.layout, 64, 100 + i, 60);
    const expected = bits(await trainer.model.predict(unseen));
    expect(bits(await replica.model.predict(unseen))).toEqual(expected);
  }
  await Promise.all([trainer.model.close(), replica.model.close()]);
});

/** The spec with its embedding tables in a precision. */
function lowPrecision(spec: CompiledSpec, precision: "f16" | "int8" | "q2.13"): CompiledSpec {
  const tables = spec.tables.map((table) => (table.role === "embedding" ? { ...table, precision } : table));
  return { ...spec, tables };
}

describe.each(["lr", "fm", "deep_crossing"] as const)("%s, with reduced precision", (tower) => {
  it("scores the same except for rounding", async () => {
    const spec = parseSpec(servedSpec(tower, { optimizer: "adagrad" }), "test.yaml");
    const trainer = await open(spec, "train");
    for (let i = 0; i < 20; i++) await trainer.model.learn(servedBatch(trainer.layout, 64, i, 30));
    const states = [...trainer.model.serving.pack("all").states()];
    const batch = servedBatch(trainer.layout, 64, 100, 30);
    const exact = (await trainer.model.predict(batch)).slice();
    const largest = exact.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    const errors: number[] = [];
    for (const precision of ["f32", "f16", "int8", "int4"] as const) {
      const { model } = await open(spec, "serve", precision);
      for (const state of states) model.serving.apply(state);
      const logits = await model.predict(batch);
      errors.push(exact.reduce((most, x, i) => Math.max(most, Math.abs(x - logits[i])), 0) / largest);
      await model.close();
    }
    const [f32, f16, int8, int4] = errors;
    expect(f32).toBe(0);
    expect(f16).toBeGreaterThan(0);
    expect(f16).toBeLessThan(0.00035);
    expect(int8).toBeGreaterThanOrEqual(f16);
    expect(int8).toBeLessThan(0.004);
    expect(int4).toBeGreaterThanOrEqual(int8);
    expect(int4).toBeLessThan(0.08);
    await trainer.model.close();
  });
});

describe.each(["lr", "fm", "deep_crossing"] as const)("%s, with rows that are admitted and evicted", (tower) => {
  const lifecycles = {
    lru: ", budget: 30 kB, eviction: { policy: lru }",
    "admission and lfu": ", budget: 30 kB, admission: { occurrence_threshold: 2 }, eviction: { policy: lfu }",
    steps: ", admission: { admit_probability: 0.5 }, eviction: { steps_to_live: 300 }",
  };
  it.each(Object.entries(lifecycles))("%s: a replica predicts the trainer's bits", async (_, life) => {
    const spec = parseSpec(servedSpec(tower, { optimizer: "ftrl", life }), "test.yaml");
    const [trainer, replica] = [await open(spec, "train"), await open(spec, "serve")];
    const changes = trainer.model.serving.changes();
    let removed = 0;
    for (let i = 0; i < 60; i++) {
      await trainer.model.learn(servedBatch(trainer.layout, 64, i, 30 + i * 40));
      if (i % 3 > 0) continue;
      // Some changes were taken before the last rows were evicted.
      const changed = changes.take();
      await trainer.model.learn(servedBatch(trainer.layout, 64, 1000 + i, 30 + i * 40));
      const later = changes.take();
      const both = changed.map((rows, s) => Uint32Array.from(new Set([...rows, ...later[s]])).sort());
      const packed = trainer.model.serving.pack(i === 0 ? "all" : both, 3000);
      const states = [...packed.states()];
      expect(states).toHaveLength(packed.parts);
      for (const state of states) replica.model.serving.apply(state);
      removed += states.reduce((sum, { tables }) => sum + tables.reduce((n, rows) => n + rows.removed.length, 0), 0);
      const unseen = servedBatch(trainer.layout, 64, 100 + i, 3000);
      expect(bits(await replica.model.predict(unseen))).toEqual(bits(await trainer.model.predict(unseen)));
      const rows = ({ model }: typeof trainer) => model.tables.map((table) => table.stats().rows);
      expect(rows(replica)).toEqual(rows(trainer));
    }
    expect(removed).toBeGreaterThan(100);
    await Promise.all([trainer.model.close(), replica.model.close()]);
  });
});

it("packs the same bytes after a restore as in the uninterrupted run", async () => {
  for (const [tower, encoding] of [
    ["lr", "hash"],
    ["deep_crossing", "hash"],
    ["deep_crossing", "dhe"],
    ["deep_crossing", "low_dim"],
  ] as const) {
    const spec = parseSpec(servedSpec(tower, { encoding, optimizer: "ftrl" }), "test.yaml");
    const [first, second] = [await open(spec, "train"), await open(spec, "train")];
    const before = first.model.serving.changes();
    for (let i = 0; i < 4; i++) await first.model.learn(servedBatch(first.layout, 61, i, 30));
    before.take();
    second.model.restore(
      new Map(first.model.blocks().map((block) => [block.name, { ...block, data: block.data.slice() }])),
    );
    const changes = [before, second.model.serving.changes()];
    for (const { model, layout } of [first, second]) await model.learn(servedBatch(layout, 7, 9, 30));
    const packs = [first, second].map(({ model }, i) => [...model.serving.pack(changes[i].take()).states()]);
    expect(packs[1]).toEqual(packs[0]);
  }
});

it("a replica's model refuses to learn, to be saved and to be restored", async () => {
  for (const tower of ["lr", "deep_crossing"] as const) {
    const { model, layout } = await open(parseSpec(servedSpec(tower), "test.yaml"), "serve");
    await expect(model.learn(servedBatch(layout, 3, 1, 9))).rejects.toThrow(/opened for serving/);
    expect(() => model.blocks()).toThrow(/opened for serving/);
    expect(() => model.restore(new Map())).toThrow(/opened for serving/);
    await model.close();
  }
});

it("a replica refuses updates of another model, and is unchanged", async () => {
  const { model, layout } = await open(parseSpec(servedSpec("deep_crossing"), "test.yaml"), "serve");
  const batch = servedBatch(layout, 20, 1, 9);
  const before = bits(await model.predict(batch));
  const rows = {
    name: "ids",
    dim: 4,
    keys: BigUint64Array.of(1n),
    weights: new Float32Array(4),
    removed: new BigUint64Array(),
  };
  const none = { tables: [], dense: [], statistics: null };
  const wrong = [
    { ...none, tables: [{ ...rows, name: "other" }] },
    { ...none, tables: [{ ...rows, dim: 5 }] },
    { ...none, tables: [{ ...rows, weights: new Float32Array(3) }] },
    { ...none, tables: [rows], dense: [{ name: "nothing", at: 0, data: new Float32Array(1) }] },
    { ...none, tables: [rows], dense: [{ name: "toString", at: 0, data: new Float32Array(1) }] },
    { ...none, statistics: new Float64Array(99) },
    {
      ...none,
      calibration: Calibrator.of({ ...model.spec, calibration: { method: "platt", half_life: 9 } })!.snapshot(),
    },
  ];
  for (const state of wrong) {
    expect(() => model.serving.apply(state)).toThrow(expect.objectContaining({ code: "checkpoint_mismatch" }));
  }
  expect(bits(await model.predict(batch))).toEqual(before);
  await model.close();
});

it.each(["lr", "deep_crossing"] as const)(
  "%s with a calibration and sampled negatives, sent to a replica",
  async (tower) => {
    const sampled = "batch: 64, negative_sampling: 0.5";
    const text = servedSpec(tower).replace("batch: 64", sampled);
    const spec = parseSpec(`${text}calibration: { by: a }\n`, "test.yaml");
    const [trainer, replica] = [await open(spec, "train"), await open(spec, "serve")];
    const calibrator = trainer.model.calibrator!;
    for (let i = 0; i < 5; i++) {
      const batch = servedBatch(trainer.layout, 64, i, 30);
      const taken = Uint8Array.from(batch.labels, (label, r) => Number(label > 0 || r % 2 === 0));
      const { logits } = await trainer.model.learn(batch, taken);
      calibrator.learn(logits, calibrator.apply(logits, batch), batch);
      for (const state of trainer.model.serving.pack("all", 700).states()) replica.model.serving.apply(state);
      const unseen = servedBatch(trainer.layout, 64, 100 + i, 60);
      const [expected, replicated] = [
        (await trainer.model.predict(unseen)).slice(),
        (await replica.model.predict(unseen)).slice(),
      ];
      expect(bits(replicated)).toEqual(bits(expected));
      const calibrated = calibrator.apply(expected, unseen);
      expect(bits(replica.model.calibrator!.apply(replicated, unseen))).toEqual(bits(calibrated));
      expect(calibrated).not.toEqual(expected);
    }
    await Promise.all([trainer.model.close(), replica.model.close()]);
  },
);
