import { describe, expect, it } from "vitest";
import { type Batch, batchLayout } from "../../src/core/batch.js";
import { sigmoid } from "../../src/metrics/kernel.js";
import { createModel } from "../../src/model/create.js";
import type { CompiledSpec, CorrectSpec } from "../../src/spec/compiled.js";
import { parseSpec } from "../../src/spec/parse.js";
import { servedBatch, servedSpec } from "./served.js";

const TOWERS = ["lr", "fm", "deep_crossing"] as const;

/** The model with this correction of late labels. */
function late(tower: string, method: CorrectSpec["method"]): CompiledSpec {
  const spec = parseSpec(servedSpec(tower), "test.yaml");
  const { events, label } = spec;
  const correct = { method, ages: [1000] };
  const join = { clicks: { events, id: "a", time: label.time! }, window: 1000, lateness: 0, skew: 0, correct };
  return { ...spec, join };
}

async function modelOf(spec: CompiledSpec, purpose: "train" | "serve" = "train") {
  const layout = batchLayout(spec, spec.batch);
  return { layout, model: await createModel(spec, { layout, threads: 1, purpose }) };
}

/** A batch of one row, or of many. */
const batchOf = (layout: ReturnType<typeof batchLayout>, i: number, rows: number): Batch =>
  servedBatch(layout, rows, i, 30);

describe.each(TOWERS)("%s", (tower) => {
  it("with fnw, weighs positives 1 + p and negatives 1 - p², p being the earlier prediction", async () => {
    const [fnw, plain] = [await modelOf(late(tower, "fnw")), await modelOf(late(tower, "plain"))];
    // Models that learn event by event recompute p for every row.
    const [rows, batches] = tower === "deep_crossing" ? [40, 8] : [1, 60];
    for (let i = 0; i < batches; i++) {
      const [one, other] = [batchOf(fnw.layout, i, rows), batchOf(plain.layout, i, rows)];
      const p = sigmoid(await plain.model.predict(other));
      other.weights.set(p.map((p, r) => (other.labels[r] > 0 ? 1 + p : 1 - p * p)));
      await fnw.model.learn(one);
      await plain.model.learn(other);
    }
    const batch = batchOf(fnw.layout, 1000, 60);
    const [predicted, expected] = [(await fnw.model.predict(batch)).slice(), await plain.model.predict(batch)];
    expect(new Set(predicted).size).toBeGreaterThan(20);
    for (const [r, logit] of expected.entries()) expect(predicted[r]).toBeCloseTo(logit, 2);
    await Promise.all([fnw.model.close(), plain.model.close()]);
  });

  it("with fnc, learns like plain and predicts b / (1 - b), as its replica does", async () => {
    const [fnc, plain] = [await modelOf(late(tower, "fnc")), await modelOf(late(tower, "plain"))];
    const replica = await modelOf(late(tower, "fnc"), "serve");
    for (let i = 0; i < 30; i++) {
      const batch = batchOf(fnc.layout, i, 40);
      // A seventh of the impressions are learned as positives.
      batch.labels.set(batch.labels.map((label, r) => Number(label > 0 && r % 4 === 0)));
      await fnc.model.learn(batch);
      await plain.model.learn(batch);
    }
    for (const state of fnc.model.serving.pack("all", 700).states()) replica.model.serving.apply(state);
    const batch = batchOf(fnc.layout, 1000, 60);
    const biased = sigmoid(await plain.model.predict(batch));
    const logits = (await fnc.model.predict(batch)).slice();
    const predicted = sigmoid(logits);
    for (const [r, b] of biased.entries())
      expect(predicted[r]).toBeCloseTo(b < 0.4997 ? Math.min(b / (1 - b), 1 - 2 ** -10) : 1 - 2 ** -10, 4);
    expect(Math.max(...predicted)).toBeLessThan(0.9991);
    expect((await replica.model.predict(batch)).slice()).toEqual(logits);
    await Promise.all([fnc.model.close(), plain.model.close(), replica.model.close()]);
  });
});
