import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Batch } from "../../src/core/batch.js";
import type { Model } from "../../src/model/model.js";
import { loadSpec } from "../../src/spec/parse.js";
import { Divergence } from "../../src/train/divergence.js";
import { train } from "../../src/train/train.js";

const folder = mkdtempSync(join(tmpdir(), "hashbrook-test-"));
const spec = loadSpec("features/ads-demo-lr.yaml");
const model = { norms: () => null } as unknown as Model;
const batch = (rows: number) => ({ rows }) as Batch;

/** The batch at which a run ends that skips this many rows per batch of 100. */
function endsAt(most: number, skipped: (batch: number) => number): number | null {
  const divergence = new Divergence(most, spec);
  for (let i = 1; i <= 1000; i++) {
    try {
      divergence.check(batch(100), skipped(i), model, { now: 100 * i, saved: 0 });
    } catch (error) {
      expect(error).toMatchObject({ code: "diverged", message: expect.stringContaining(`batch ${i} `) });
      return i;
    }
  }
  return null;
}

it("a run ends if more than the allowed share is skipped, once there are enough examples", () => {
  expect(endsAt(0.1, () => 11)).toBe(10);
  expect(endsAt(0.1, () => 10)).toBeNull();
  expect(endsAt(1, () => 100)).toBeNull();
  expect(endsAt(0, (i) => Number(i === 500))).toBe(500);
});

it("a run that diverges late ends soon, however long it went well; an occasional bad batch does not end it", () => {
  const late = endsAt(0.1, (i) => (i > 900 ? 100 : 0));
  expect(late).toBeGreaterThan(900);
  expect(late).toBeLessThan(925);
  expect(endsAt(0.1, (i) => (i % 12 === 0 ? 100 : 0))).toBeNull();
});

it("diverged training ends with a code, names batch, norms and the learning rate to lower, and keeps the earlier checkpoint", async () => {
  const text = readFileSync("features/ads-demo.yaml", "utf8").replace(/residual: \[[^\]]*\]/, "residual: [8]");
  const path = join(folder, "wild.yaml");
  const wild = text.replace(
    /^tower:.*$/m,
    "tower: { deep_crossing: { residual: [8] }, optimizer: { sgd: { learning_rate: 1e30 } } }",
  );
  writeFileSync(path, wild);
  const out = join(folder, "run");
  const options = { model: path, data: "simulate:20000:3", out, checkpointEvery: 512, threads: 1 };
  await expect(train(options)).rejects.toMatchObject({
    code: "diverged",
    message: expect.stringMatching(
      /batch \d+ \(examples \d+ to \d+\).*not finite.*--max-skipped is 10 %; the norm of the tower's gradient/,
    ),
    hint: expect.stringContaining("tower.optimizer.sgd.learning_rate, which is 1e+30"),
  });
  expect(readdirSync(out).filter((name) => name.startsWith("checkpoint-")).length).toBeGreaterThan(0);
  const report = await train({ ...options, out: join(folder, "all"), maxSkipped: 1 });
  expect(report.skipped).toBeGreaterThan(report.examples / 10);
});
