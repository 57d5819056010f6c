import { describe, expect, it } from "vitest";
import { Batch, type BatchLayout, batchLayout, copyRows, keepRows } from "../../src/core/batch.js";
import { Rng } from "../../src/core/rng.js";
import { createModel } from "../../src/model/create.js";
import { logitShift } from "../../src/model/logit-shift.js";
import type { Model } from "../../src/model/model.js";
import type { CompiledSpec } from "../../src/spec/compiled.js";
import { parseSpec } from "../../src/spec/parse.js";
import { NegativeSampling } from "../../src/train/negative-sampling.js";
import { servedBatch, servedSpec } from "../model/served.js";

const RATE = 0.25;
const sampled = (spec: CompiledSpec): CompiledSpec => ({ ...spec, negative_sampling: RATE });
const lr = sampled(parseSpec(servedSpec("lr"), "test.yaml"));
const withIds: CompiledSpec = { ...lr, label: { ...lr.label, id: "id" } };

function labelled(layout: BatchLayout, rows: number, ids: (r: number) => bigint): Batch {
  const batch = new Batch(layout, rows, new ArrayBuffer(layout.bytes));
  for (let r = 0; r < rows; r++) {
    batch.labels[r] = Number(r % 5 === 0);
    batch.ids[r] = ids(r);
  }
  return batch;
}

describe("negative sampling", () => {
  const layout = batchLayout(lr, 10_000);
  const id = (r: number) => BigInt.asUintN(64, BigInt(r + 1) * 0x9e3779b97f4a7c15n);

  it.each([
    ["event ids", withIds],
    ["places in the stream", lr],
  ])("keeps all positives and a share of the negatives, by %s", (_, spec) => {
    const batch = labelled(layout, 10_000, id);
    const taken = NegativeSampling.of(spec)!.taken(batch, 0);
    const [positives, negatives] = [0, 0];
    const counts = { positives, negatives };
    taken.forEach((one, r) => {
      counts[batch.labels[r] > 0 ? "positives" : "negatives"] += one;
    });
    expect(counts.positives).toBe(2000);
    // 8,000 draws: within 5 standard errors.
    expect(Math.abs(counts.negatives - 8000 * RATE)).toBeLessThan(5 * Math.sqrt(8000 * RATE * (1 - RATE)));
  });

  it("selects an event by its id wherever it occurs, else by its number, for any batch boundaries", () => {
    const batch = labelled(layout, 1000, id);
    const reversed = labelled(layout, 1000, (r) => id(999 - r));
    batch.labels.fill(0);
    reversed.labels.fill(0);
    const byId = NegativeSampling.of(withIds)!;
    expect([...byId.taken(reversed, 5000)].reverse()).toEqual([...byId.taken(batch, 0)]);
    const byPlace = NegativeSampling.of(lr)!;
    const whole = [...byPlace.taken(batch, 4_294_967_000)];
    const part = copyRows(batch, 400, 1000, new ArrayBuffer(layout.bytes));
    expect([...byPlace.taken(part, 4_294_967_400)]).toEqual(whole.slice(400));
    expect([...byPlace.taken(batch, 0)]).not.toEqual(whole);
    expect([...NegativeSampling.of({ ...lr, seed: 1 })!.taken(batch, 4_294_967_000)]).not.toEqual(whole);
  });

  it("is absent if all negatives are learned", () => {
    expect(NegativeSampling.of(parseSpec(servedSpec("lr"), "test.yaml"))).toBeNull();
  });
});

const towers = ["lr", "fm", "ffm", "deep_crossing", "wide_deep"] as const;
const bits = (logits: Float32Array) => [...new Uint32Array(logits.slice().buffer)];

function taking(batch: Batch, seed: number): Uint8Array {
  const rng = new Rng(seed);
  return Uint8Array.from(batch.labels, (label) => Number(label > 0 || rng.below(4) === 0));
}

const tables = (model: Model) =>
  model
    .blocks()
    .filter(({ name }) => !/^(model|numbers)\//.test(name))
    .map(({ name, data }) => [name, Buffer.from(data).toString("base64")]);

describe.each(towers.flatMap((tower) => (["hash", "exact"] as const).map((encoding) => [tower, encoding] as const)))(
  "%s with %s tables",
  (tower, encoding) => {
    // Numbers are standardized over all events: without them both models see the same inputs.
    const text = servedSpec(tower, { encoding, optimizer: "ftrl" }).replace("transform: standardize", "transform: raw");
    const plain = parseSpec(text, "test.yaml");
    const layout = batchLayout(plain, plain.batch);
    const open = (spec: CompiledSpec, purpose: "train" | "score" = "train") =>
      createModel(spec, { layout, threads: 1, purpose });

    it("learns the kept rows as if there were no others, and scores all rows, corrected", async () => {
      const [model, other] = [await open(sampled(plain)), await open(plain)];
      const shift = logitShift(sampled(plain));
      expect(shift).toBeCloseTo(Math.log(RATE), 6);
      for (let i = 0; i < 6; i++) {
        const batch = servedBatch(layout, 64, i, 30);
        const taken = taking(batch, i);
        const before = (await model.predict(batch)).slice();
        const logits = (await model.learn(batch, taken)).logits.slice();
        const rest = keepRows(copyRows(batch, 0, 64, new ArrayBuffer(layout.bytes)), taken);
        const uncorrected = (await other.learn(rest)).logits.slice();
        if (tower === "deep_crossing" || tower === "wide_deep") expect(bits(logits)).toEqual(bits(before));
        else
          expect(bits(logits.filter((_, r) => taken[r]))).toEqual(bits(uncorrected.map((x) => Math.fround(x + shift))));
        expect(logits.every(Number.isFinite)).toBe(true);
        expect(tables(model)).toEqual(tables(other));
      }
      const unseen = servedBatch(layout, 64, 99, 60);
      const corrected = (await other.predict(unseen)).slice().map((x) => Math.fround(x + shift));
      expect(bits(await model.predict(unseen))).toEqual(bits(corrected));
      await Promise.all([model.close(), other.close()]);
    });

    it.skipIf(encoding === "hash")("the stream clock advances with all events, learned or not", async () => {
      const aged = text.replace("salt: field,", "salt: field, eviction: { expire_time: 7d },");
      const spec = sampled(parseSpec(aged, "test.yaml"));
      const [model, other] = [await open(spec), await open(spec)];
      for (let i = 0; i < 3; i++) {
        const batch = servedBatch(layout, 64, i, 30);
        batch.times.fill(1.7e12 + i * 60_000);
        await model.learn(batch, taking(batch, i));
        await other.learn(batch);
      }
      const clock = (of: Model) =>
        of
          .blocks()
          .find(({ name }) => name === "model/clock")
          ?.data.slice();
      expect(clock(model)).toBeDefined();
      expect(clock(model)).toEqual(clock(other));
      await Promise.all([model.close(), other.close()]);
    });

    it("a batch without learned rows changes no weight", async () => {
      const model = await open(sampled(plain));
      await model.learn(servedBatch(layout, 64, 1, 30));
      const before = tables(model);
      const batch = servedBatch(layout, 64, 2, 90);
      const scored = bits(await model.predict(batch));
      const { logits, skipped } = await model.learn(batch, new Uint8Array(64));
      expect(skipped).toBe(0);
      expect(bits(logits)).toEqual(scored);
      expect(tables(model)).toEqual(before);
      await model.close();
    });
  },
);
