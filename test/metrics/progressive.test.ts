import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { Block } from "../../src/core/blocks.js";
import { Rng } from "../../src/core/rng.js";
import { ProgressiveMetrics } from "../../src/metrics/progressive.js";
import fc from "../properties.js";
import { exactAuc, exactLogloss } from "./exact.js";

interface Stream {
  logits: Float32Array;
  labels: Float32Array;
  weights: Float32Array;
}

/** A calibrated stream: logits spread around -1.5 by about `spread`, labels drawn from them. */
function stream(rows: number, seed: number, spread = 1, weighted = false): Stream {
  const rng = new Rng(seed);
  const logits = new Float32Array(rows);
  const labels = new Float32Array(rows);
  const weights = new Float32Array(rows).fill(1);
  for (let i = 0; i < rows; i++) {
    logits[i] = -1.5 + spread * (rng.uniform() + rng.uniform() + rng.uniform() - 1.5) * 2;
    labels[i] = rng.uniform() < 1 / (1 + Math.exp(-logits[i])) ? 1 : 0;
    if (weighted) weights[i] = 1 + rng.below(4);
  }
  return { logits, labels, weights };
}

function cut(s: Stream, from: number, to = s.logits.length): [Float32Array, Float32Array, Float32Array] {
  return [s.logits.subarray(from, to), s.labels.subarray(from, to), s.weights.subarray(from, to)];
}

/** Every block's name, shape and a digest of its bytes, which `toEqual` compares quickly. */
function fingerprint(blocks: Iterable<Block>): string[] {
  return [...blocks].map((b) => `${b.name} ${b.shape} ${createHash("sha256").update(b.data).digest("hex")}`);
}

const asMap = (blocks: Block[]) => new Map(blocks.map((b) => [b.name, { ...b, data: b.data.slice() }]));
const all = { from: 0, to: 0, skipped: 0 };

describe("values", () => {
  test("equal numbers computed with scikit-learn 1.9.1 (roc_auc_score, log_loss, sample_weight)", () => {
    const metrics = new ProgressiveMetrics({ window: 100 });
    metrics.add(
      Float32Array.of(-2.25, -1.5, -1.5, -0.5, 0.25, 0.25, 1.75, 3),
      Float32Array.of(0, 0, 1, 0, 1, 0, 1, 1),
      Float32Array.of(1, 2, 1, 3, 1, 1, 2, 0.5),
    );
    const { examples, logloss, auc, normalized_entropy, calibration } = metrics.lifetime();
    expect(examples).toBe(8);
    expect(auc).toBeCloseTo(0.8253968253968255, 12);
    expect(logloss).toBeCloseTo(0.4672433184196571, 7);
    expect(normalized_entropy).toBeCloseTo(0.6980782875425268, 7);
    expect(calibration).toBeCloseTo(1.1288430470737885, 7);
  });

  test("AUC is within 1e-4 of sorting, the rest within 1e-6, with weights, for any batch boundaries", () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 5000, max: 20_000 }),
        fc.constantFrom(0.3, 1, 2),
        fc.integer({ min: 1, max: 5000 }),
        (seed, rows, spread, step) => {
          const s = stream(rows, seed, spread, true);
          const metrics = new ProgressiveMetrics({ window: 3000 });
          for (let i = 0; i < rows; i += step) metrics.add(...cut(s, i, Math.min(rows, i + step)));
          const got = metrics.lifetime();
          const want = exactLogloss(s.logits, s.labels, s.weights);
          expect(Math.abs((got.auc ?? 0) - exactAuc(s.logits, s.labels, s.weights))).toBeLessThan(1e-4);
          expect(got.logloss).toBeCloseTo(want.logloss, 6);
          expect(got.calibration).toBeCloseTo(want.predicted / want.positives, 6);
        },
      ),
      { numRuns: 15 },
    );
  });

  test("undefined values are null: no rows, one class, weight zero", () => {
    const metrics = new ProgressiveMetrics({ window: 4 });
    const nothing = { logloss: null, auc: null, auc_error: null, normalized_entropy: null, calibration: null };
    expect(metrics.lifetime()).toEqual({ ...all, examples: 0, ...nothing });
    expect(metrics.last(0.1)).toEqual({ ...all, examples: 0, ...nothing });
    metrics.add(Float32Array.of(1, 2), Float32Array.of(0, 0), Float32Array.of(1, 1));
    expect(metrics.lifetime()).toMatchObject({ ...nothing, logloss: expect.closeTo((1.3132617 + 2.126928) / 2, 6) });
    metrics.add(Float32Array.of(1, 2), Float32Array.of(1, 1), Float32Array.of(0, 0));
    expect(metrics.lifetime().auc).toBeNull();
    const positives = new ProgressiveMetrics({ window: 4 });
    positives.add(Float32Array.of(0, 0), Float32Array.of(1, 1), Float32Array.of(1, 1));
    expect(positives.lifetime()).toMatchObject({ auc: null, normalized_entropy: null, calibration: 0.5 });
  });

  test("a score or weight that is not finite is skipped and counted, and keeps its position in the stream", () => {
    const metrics = new ProgressiveMetrics({ window: 3 });
    metrics.add(
      Float32Array.of(1, Number.NaN, Number.POSITIVE_INFINITY, -1, 0),
      Float32Array.of(1, 1, 1, 0, 0),
      Float32Array.of(1, 1, 1, 1, Number.NaN),
    );
    expect(metrics.lifetime()).toMatchObject({ examples: 2, skipped: 3, auc: 1, to: 5 });
    expect(metrics.windows).toMatchObject([{ from: 0, to: 3, examples: 1, skipped: 2 }]);
  });

  test("logits far outside the bins have a finite loss and are ordered against the rest", () => {
    const metrics = new ProgressiveMetrics({ window: 10 });
    metrics.add(Float32Array.of(3e38, -3e38, -200, 200), Float32Array.of(1, 0, 1, 0), Float32Array.of(1, 1, 1, 1));
    const { logloss, auc } = metrics.lifetime();
    expect(logloss).toBeCloseTo(100, 4);
    expect(auc).toBe(0.75);
  });
});

test("a soft label counts as a positive of its weight and a negative of the rest", () => {
  const { logits, labels, weights } = stream(3000, 7, 1, true);
  const softLabels = labels.map((label, i) => (label ? 0.75 : 0.125 * (i % 3)));
  const soft = new ProgressiveMetrics({ window: 1000 });
  soft.add(logits, softLabels, weights);
  const twice = (values: Float32Array) => Float32Array.from({ length: 6000 }, (_, i) => values[i >> 1]);
  const split = new ProgressiveMetrics({ window: 2000 });
  const shares = twice(softLabels).map((y, i) => (i % 2 ? y : 1 - y));
  split.add(
    twice(logits),
    Float32Array.from({ length: 6000 }, (_, i) => i % 2),
    shares.map((share, i) => share * weights[i >> 1]),
  );
  const [a, b] = [soft.lifetime(), split.lifetime()];
  for (const name of ["auc", "logloss", "normalized_entropy", "calibration"] as const)
    expect(a[name]).toBeCloseTo(b[name]!, 10);
});

test("a row without a label is not counted", () => {
  const metrics = new ProgressiveMetrics({ window: 10 });
  metrics.add(Float32Array.of(1, 2, 3), Float32Array.of(1, Number.NaN, 0), Float32Array.of(1, 1, 1));
  expect(metrics.lifetime()).toMatchObject({ examples: 2, skipped: 1 });
});

describe("windows and shares", () => {
  test("a window ends inside a batch, exactly", () => {
    const s = stream(10_000, 7);
    const metrics = new ProgressiveMetrics({ window: 1500 });
    for (let i = 0; i < 10_000; i += 1024) metrics.add(...cut(s, i, Math.min(i + 1024, 10_000)));
    expect(metrics.windows.map((w) => [w.from, w.to])).toEqual(
      [0, 1, 2, 3, 4, 5].map((w) => [w * 1500, (w + 1) * 1500]),
    );
    for (const window of [...metrics.windows, metrics.current()]) {
      const alone = new ProgressiveMetrics({ window: 1e6 });
      alone.add(...cut(s, window.from, window.to));
      const { auc, logloss, calibration } = alone.lifetime();
      expect(window.auc).toBe(auc);
      expect(window.logloss).toBeCloseTo(logloss ?? 0, 12);
      expect(window.calibration).toBeCloseTo(calibration ?? 0, 12);
    }
    expect(metrics.current()).toMatchObject({ from: 9000, to: 10_000 });
  });

  test("the last share covers exactly the rows it reports, and about as many as requested", () => {
    const rows = 300_000;
    const s = stream(rows, 8);
    const metrics = new ProgressiveMetrics({ window: 70_000 });
    for (let i = 0; i < rows; i += 4096) {
      metrics.add(...cut(s, i, Math.min(i + 4096, rows)));
      for (const share of [1, 0.5, 0.1, 0.001, 0]) {
        const { from, to } = metrics.last(share);
        expect(to).toBe(Math.min(i + 4096, rows));
        expect(to - from).toBeGreaterThan(0);
        const segment = Math.max(1024, to / 32);
        expect(Math.abs(to * (1 - share) - from)).toBeLessThanOrEqual(segment);
      }
    }
    for (const share of [1, 0.5, 0.1]) {
      const last = metrics.last(share);
      const [logits, labels, weights] = cut(s, last.from, last.to);
      const want = exactLogloss(logits, labels, weights);
      expect(last.examples).toBe(last.to - last.from);
      expect(Math.abs((last.auc ?? 0) - exactAuc(logits, labels, weights))).toBeLessThan(1e-4);
      expect(last.logloss).toBeCloseTo(want.logloss, 6);
    }
  });

  test("only the newest 1000 windows are kept", () => {
    const s = stream(4020, 9);
    const metrics = new ProgressiveMetrics({ window: 4 });
    metrics.add(...cut(s, 0));
    expect(metrics.windows.length).toBe(1000);
    expect(metrics.windows[999]).toMatchObject({ from: 4016, to: 4020 });
  });
});

describe("the curve", () => {
  test.each([300, 5000, 70_000, 200_000])("of %i rows is in equal parts that together are the whole stream", (rows) => {
    const s = stream(rows, 4, 1, true);
    const metrics = new ProgressiveMetrics({ window: 3000 });
    metrics.add(...cut(s, 0));
    const curve = metrics.curve();
    expect([curve[0].from, curve.at(-1)!.to]).toEqual([0, rows]);
    for (const [i, { from, to, logloss, auc, auc_error }] of curve.entries()) {
      expect(from).toBe(curve[i - 1]?.to ?? 0);
      expect(logloss).toBeCloseTo(exactLogloss(...cut(s, from, to)).logloss, 6);
      const known = rows <= 65_536 || from >= rows / 2;
      if (known) expect(Math.abs(auc! - exactAuc(...cut(s, from, to)))).toBeLessThanOrEqual(auc_error! + 1e-6);
    }
    expect(metrics.curve()).toEqual(curve);
  });
});

describe("state", () => {
  const rows = 150_000;
  const s = stream(rows, 11, 1, true);

  function run(cuts: number[], restoreAt: number[]): Map<string, Block> {
    let metrics = new ProgressiveMetrics({ window: 9999 });
    let from = 0;
    for (const to of [...cuts, rows]) {
      metrics.add(...cut(s, from, to));
      from = to;
      if (!restoreAt.includes(to)) continue;
      const saved = asMap(metrics.blocks("metrics"));
      metrics = new ProgressiveMetrics({ window: 9999 });
      metrics.restore("metrics", saved);
      expect(fingerprint(metrics.blocks("metrics"))).toEqual(fingerprint(saved.values()));
    }
    return asMap(metrics.blocks("metrics"));
  }

  test("restore continues to the same bytes, and reading results changes none", () => {
    const whole = run([], []);
    const resumed = run([1, 500, 1024, 65_535, 65_536, 70_001], [500, 65_536, 70_001]);
    expect(fingerprint(resumed.values())).toEqual(fingerprint(whole.values()));
    expect(whole.get("metrics/position")?.shape).toEqual([1, 3]);
    for (const block of whole.values()) {
      const floats = block.shape.reduce((a, b) => a * b, 1);
      expect(block.data.byteLength).toBe(floats * (block.dtype === "F64" ? 8 : 4));
    }
  });

  test("reading between batches does not change the state", () => {
    const quiet = new ProgressiveMetrics({ window: 5000 });
    const read = new ProgressiveMetrics({ window: 5000 });
    for (let i = 0; i < 20_000; i += 777) {
      quiet.add(...cut(s, i, i + 777));
      read.add(...cut(s, i, i + 777));
      read.last(0.3);
      read.lifetime();
      read.current();
    }
    expect(fingerprint(read.blocks("m"))).toEqual(fingerprint(quiet.blocks("m")));
  });

  test("a missing or short block is reported as damage", () => {
    const metrics = new ProgressiveMetrics({ window: 10 });
    const blocks = asMap(metrics.blocks("m"));
    blocks.set("m/all", { ...blocks.get("m/all")!, data: new Uint8Array(8) });
    expect(() => metrics.restore("m", blocks)).toThrow(/m\/all has 8 bytes/);
    blocks.delete("m/position");
    expect(() => metrics.restore("m", blocks)).toThrow(/m\/position.*missing/);
  });
});

test("true probabilities give the same metrics as their logits, and unknown ones are skipped", () => {
  const s = stream(5000, 3);
  const probabilities = s.logits.map((x) => 1 / (1 + Math.exp(-x)));
  probabilities[17] = Number.NaN;
  const oracle = new ProgressiveMetrics({ window: 5000, scores: "probabilities" });
  oracle.add(probabilities, s.labels, s.weights);
  const model = new ProgressiveMetrics({ window: 5000 });
  s.logits[17] = Number.NaN;
  model.add(...cut(s, 0));
  expect(oracle.lifetime().skipped).toBe(1);
  expect(oracle.lifetime().logloss).toBeCloseTo(model.lifetime().logloss ?? 0, 6);
  expect(oracle.lifetime().auc).toBeCloseTo(model.lifetime().auc ?? 0, 4);
});
