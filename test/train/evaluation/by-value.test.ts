import { describe, expect, it } from "vitest";
import { Batch, batchLayout } from "../../../src/core/batch.js";
import { Rng } from "../../../src/core/rng.js";
import { logistic } from "../../../src/metrics/kernel.js";
import { ProgressiveMetrics } from "../../../src/metrics/progressive.js";
import { parseSpec } from "../../../src/spec/parse.js";
import { QualityByValue } from "../../../src/train/evaluation/by-value.js";
import { servedSpec } from "../../model/served.js";

const layout = batchLayout(parseSpec(servedSpec("lr"), "test.yaml"), 10_000);

/** Rows as the decoder keeps them, one text each. */
function keptOf(values: readonly string[]): Buffer {
  return Buffer.concat(
    values.map((value) => {
      const head = Buffer.alloc(12);
      head.writeUInt32LE(Buffer.byteLength(value), 4);
      head.writeUInt32LE(1, 8);
      return Buffer.concat([head, Buffer.from(value)]);
    }),
  );
}

function scored(rows: number, nameOf: (r: number) => string) {
  const rng = new Rng(3);
  const batch = new Batch(layout, rows, new ArrayBuffer(layout.bytes));
  const logits = Float32Array.from({ length: rows }, () => 4 * rng.uniform() - 4);
  batch.weights.set(logits.map((_, r) => 1 + (r % 2)));
  batch.labels.set(logits.map((x) => Number(rng.uniform() < logistic(x + 0.5))));
  return { batch, logits, values: Array.from({ length: rows }, (_, r) => nameOf(r)) };
}

describe("quality by value", () => {
  it("of every value equals that of its events alone, AUC to 0.001; other values are reported together", () => {
    const { batch, logits, values } = scored(10_000, (r) => ["a", "a", "a", "b", "b", "c", "d"][r % 7]);
    const quality = new QualityByValue({ field: "f", top: 2 }, true);
    quality.add(
      logits,
      logits.map((x) => x + 0.5),
      batch,
      keptOf(values),
    );
    const { values: found, rest, distinct, bins } = quality.report();
    expect([found.map(({ value }) => value), distinct]).toEqual([["a", "b"], 4]);
    for (const { value, ...reported } of [...found, { value: "cd", ...rest! }]) {
      const rows = values.flatMap((one, r) => (value.includes(one) ? [r] : []));
      const only = (column: Float32Array) => Float32Array.from(rows, (r) => column[r]);
      const exact = new ProgressiveMetrics({ window: 1e6 });
      exact.add(only(logits), only(batch.labels), only(batch.weights));
      const { logloss, auc, normalized_entropy, calibration } = exact.lifetime();
      expect(reported.events).toBe(rows.length);
      expect(reported.logloss).toBeCloseTo(logloss!, 5);
      expect(reported.normalized_entropy).toBeCloseTo(normalized_entropy!, 5);
      expect(reported.calibration).toBeCloseTo(calibration!, 5);
      expect(reported.auc).toBeCloseTo(auc!, 3);
      expect(reported.calibrated).toBeCloseTo(1, 0);
    }
    expect(bins).toHaveLength(10);
    expect(bins.reduce((sum, { events }) => sum + events, 0)).toBe(10_000);
    bins.forEach(({ from, to, predicted, actual }, i) => {
      expect(predicted).toSatisfy((p: number) => p >= from && p <= to);
      expect(actual).toBeGreaterThan(predicted!);
      if (i > 0) expect(from).toBe(bins[i - 1].to);
    });
  });

  it("is bounded: after a thousand values, further ones are reported with the rest", () => {
    const { batch, logits, values } = scored(2000, (r) => `v${r % 1500}`);
    const quality = new QualityByValue({ field: "f", top: 3 }, false);
    quality.add(logits, undefined, batch, keptOf(values));
    const { values: found, rest, distinct, bins } = quality.report();
    expect([found.length, distinct, rest?.events]).toEqual([3, 1000, 1994]);
    expect(found[0]).not.toHaveProperty("calibrated");
    expect(bins.every(({ events }) => events > 0)).toBe(true);
  });

  it("is null where it is undefined", () => {
    const quality = new QualityByValue({ field: "f", top: 3 }, false);
    expect(quality.report()).toEqual({ field: "f", values: [], rest: null, distinct: 0, bins: [] });
    const { batch, logits } = scored(3, () => "");
    batch.labels.fill(0);
    quality.add(Float32Array.of(logits[0], Number.NaN, logits[2]), undefined, batch, keptOf(["", "", ""]));
    expect(quality.report().values[0]).toMatchObject({
      value: "",
      events: 2,
      auc: null,
      normalized_entropy: null,
      calibration: null,
    });
  });
});
