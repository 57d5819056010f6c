import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openCheckpoint } from "../../../src/checkpoints/store.js";
import { cutCheckpoint } from "../../../src/migrate/cut.js";
import { specOf } from "../../../src/model/load.js";
import { Scorer } from "../../../src/serve/scorer.js";
import { parseSpec } from "../../../src/spec/parse.js";
import { evaluate } from "../../../src/train/evaluation/evaluate.js";
import type { NestedReport } from "../../../src/train/metrics/prefix-curves.js";
import { train } from "../../../src/train/train.js";

const FIELDS = ["user", "ad", "device"];
const spec = parseSpec(
  `
name: nested
events: { format: json }
label: { field: label }
fields: [${FIELDS.map((name) => `{ name: ${name}, type: categorical, table: ids }`).join(", ")}]
tables: { ids: { dim: 8, salt: field, nested: [4] } }
tower: { deep_crossing: { residual: [8] } }
train: { batch: 64, warmup: 0 }
`,
  "test.yaml",
);
const folder = () => mkdtempSync(join(tmpdir(), "hashbrook-test-"));
const curvesOf = (out: string) => JSON.parse(readFileSync(join(out, "nested.json"), "utf8")) as NestedReport;
/** Without bytes, which depend on the rows that a table has reserved: that differs after loading a checkpoint. */
const figures = (report: NestedReport) =>
  JSON.parse(JSON.stringify(report, (key, value: unknown) => (key === "bytes" ? null : value)));

it("the curves and the model of an interrupted run equal those of an uninterrupted one", async () => {
  const [whole, parts] = [folder(), folder()];
  const data = "simulate:8000:5:json";
  const { nested, checkpoint } = await train({ model: spec, data, out: whole });
  await train({ model: spec, data, out: parts, limit: 46 * 64 });
  const resumed = await train({ model: spec, data, out: parts, resume: true });
  expect(figures(resumed.nested!)).toEqual(figures(nested!));
  expect(curvesOf(whole)).toEqual(nested);
  for (const name of readdirSync(checkpoint).filter((name) => name.endsWith(".safetensors")))
    expect(readFileSync(join(resumed.checkpoint, name)).equals(readFileSync(join(checkpoint, name))), name).toBe(true);
});

it("eval --curves reports for each prefix what eval --dims reports for one", async () => {
  const out = folder();
  const learned = await train({ model: spec, data: "simulate:3000:5:json", out });
  expect(learned.nested!.events).toBeGreaterThan(0);
  const later = { checkpoint: out, data: "simulate:1500:6:json" };
  const report = await evaluate({ ...later, curves: true });
  const { together, fields, events } = report.nested!;
  expect(events).toBe(1500);
  expect(together.map(({ prefix }) => prefix)).toEqual([4, 8]);
  expect(together[1]).toMatchObject({ auc_difference: 0, auc_se: 0, logloss_difference: 0 });
  expect(together[1].auc).toBeCloseTo(report.auc!, 6);
  expect(together[0].bytes).toBeLessThan(together[1].bytes);
  const cut = await evaluate({ ...later, dims: { all: 4 } });
  expect(together[0].auc).toBeCloseTo(cut.auc!, 6);
  expect(together[0].logloss).toBeCloseTo(cut.logloss!, 6);
  expect(together[0].auc_difference).toBeCloseTo(cut.auc! - report.auc!, 6);
  expect(fields.map(({ field, prefixes }) => [field, prefixes.length])).toEqual(FIELDS.map((name) => [name, 2]));
  const one = await evaluate({ ...later, dims: { ad: 4 } });
  expect(fields[1].prefixes[0].auc).toBeCloseTo(one.auc!, 6);
  await expect(evaluate({ ...later, dims: { all: 4 }, curves: true })).rejects.toThrow("cannot be combined");
});

it("a checkpoint with truncated rows takes fewer bytes, scores like the full one with --dims, and continues to learn", async () => {
  const [out, short] = [folder(), folder()];
  await train({ model: spec, data: "simulate:2000:5:json", out });
  const cut = await cutCheckpoint({ checkpoint: out, dims: { all: 4 }, out: short });
  expect(cut.tables).toMatchObject([{ name: "ids", from: 8, to: 4 }]);
  expect(cut.tables[0].bytes).toBeLessThan(cut.tables[0].bytes_before);
  const later = "simulate:500:6:json";
  const masked = await evaluate({ checkpoint: out, data: later, dims: { all: 4 } });
  const written = await evaluate({ checkpoint: short, data: later });
  expect([written.auc, written.logloss]).toEqual([masked.auc, masked.logloss]);
  const body = Buffer.from('{"context":{"device":"ios"},"candidates":[{"ad":"a1"},{"ad":"a25"}]}');
  const scores: number[][] = [];
  for (const [path, options] of [
    [short, {}],
    [out, { dims: { all: 4 } }],
    [out, {}],
  ] as const) {
    const scorer = await Scorer.load(path, options);
    scores.push((await scorer.score(body)).scores);
    await scorer.close();
  }
  expect(scores[1]).toEqual(scores[0]);
  expect(scores[2]).not.toEqual(scores[0]);
  const size = (path: string) => readFileSync(join(path, "table-ids.safetensors")).length;
  expect(size(cut.checkpoint)).toBeLessThan(size(join(out, "checkpoint-000000002000")));
  const on = await train({
    model: specOf(openCheckpoint(short)),
    data: "simulate:3000:7:json",
    out: short,
    resume: true,
  });
  expect([on.examples, on.skipped]).toEqual([5000, 0]);
  await expect(evaluate({ checkpoint: short, data: later, dims: { all: 4 } })).rejects.toThrow("has no nested vectors");
  await expect(cutCheckpoint({ checkpoint: out, dims: { all: 4 }, out: short })).rejects.toThrow(
    "already holds a model",
  );
});
