import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { pythonHas, runPython } from "../python.js";
import { report, run, temporary } from "./hashbrook.js";

const folder = temporary();
const EXAMPLE = "examples/python/score.py";
const WHOLE = "examples/python/whole.py";

/** Crosses, a hash table, a wide part with a number, a bag by its root, all numbers raw; csv with a header. */
const CROSSED = `
name: crossed
events: { format: csv, header: true }
label: { field: label }
fields:
  - { name: user, type: categorical, table: users }
  - { name: ad, type: categorical, table: ads }
  - { name: age, type: numeric, from: price, transform: { buckets: [1, 5] }, table: ads }
  - { name: both, type: cross, of: [ad, age], table: ads }
  - { name: tags, type: bag, separator: "|", combiner: sqrtn, max_length: 2, table: tags }
  - { name: price, type: numeric, missing: 3 }
tables:
  users: { encoding: hash, rows: 50, dim: 4, init: 0.1 }
  ads: { dim: 4, init: 0.1, salt: field }
  tags: { dim: 3, init: 0.1 }
tower: { deep_crossing: { residual: [8] } }
wide: { fields: [ad, both, price], bits: 8 }
train: { batch: 64 }
`;

/** The same with a bag that is pooled in the graph. */
const ATTENDED = `${CROSSED.replace("tags: { dim: 3", "tags: { dim: 4")}attention: { query: ad, over: tags, hidden: [8] }\n`;

function crossedEvents(rows: number, offset: number): string {
  const lines = Array.from({ length: rows }, (_, i) => {
    const n = (i * 7919 + offset) % 1009;
    const tags = ["", "a", "a|b", "c||b", "d|e|f", "ü"][n % 6];
    return `${+(n % 3 === 0)},"u,${n % 200}",ad${n % 37},${n % 5 === 0 ? "" : (n % 90) / 10},${tags}`;
  });
  return `label,user,ad,price,tags\n${lines.join("\n")}\n`;
}

/** The largest difference between the scores of the program and of the examples for the same events. */
async function difference(checkpoint: string, events: string): Promise<{ rows: number; most: number }> {
  const [out, exported] = [join(folder, "scores.txt"), join(folder, `${checkpoint}-exported`)];
  await report(["predict", "--checkpoint", join(folder, checkpoint), "--data", events, "--out", out]);
  expect((await run(["export", "--checkpoint", join(folder, checkpoint), "--out", exported])).status).toBe(0);
  const lines = (text: string) => text.trim().split("\n").map(Number);
  const ours = lines(readFileSync(out, "utf8"));
  const whole = ["--format", "onnx", "--onnx", "whole"];
  const one = await run(["export", "--checkpoint", join(folder, checkpoint), "--out", exported, ...whole]);
  expect(one.stdout.trim().split("\n")).toEqual(["model.json", "model.onnx"].map((file) => join(exported, file)));
  const most = [
    [EXAMPLE, exported, events],
    [WHOLE, join(exported, "model.onnx"), events],
  ].map((args) => {
    const theirs = lines(runPython(args));
    expect(theirs).toHaveLength(ours.length);
    return Math.max(...ours.map((score, i) => Math.abs(score - theirs[i])));
  });
  return { rows: ours.length, most: Math.max(...most) };
}

it("the example is short, and its function for new ids is the one in docs/FORMATS.md", () => {
  const text = readFileSync(EXAMPLE, "utf8");
  expect(text.trim().split("\n").length).toBeLessThanOrEqual(65);
  const body = /(def initial[\s\S]*?return .*\n)/.exec(text)![1];
  expect(readFileSync("docs/FORMATS.md", "utf8")).toContain(body);
});

describe.skipIf(!pythonHas("numpy", "onnxruntime", "xxhash"))("examples/python", () => {
  it("scores like predict: unseen ids, bags, buckets and scaled numbers", async () => {
    const events = join(folder, "events.tsv");
    await report(["simulate", "--rows", "500", "--seed", "9", "--out", events]);
    const model = "features/ads-demo.yaml";
    await report(["train", "--model", model, "--data", "simulate:5000:7", "--out", join(folder, "ads")]);
    const { rows, most } = await difference("ads", events);
    expect(rows).toBe(500);
    expect(most).toBeLessThan(1e-6);
  });

  it.each([
    ["crossed", CROSSED],
    ["attended", ATTENDED],
  ])("scores like predict: %s; a hash table, a wide part, missing numbers, quoted values", async (name, spec) => {
    const [model, train, later] = [`${name}.yaml`, "train.csv", "later.csv"].map((file) => join(folder, file));
    writeFileSync(model, spec);
    writeFileSync(train, crossedEvents(600, 0));
    writeFileSync(later, crossedEvents(400, 601));
    await report(["train", "--model", model, "--data", train, "--out", join(folder, name)]);
    const { rows, most } = await difference(name, later);
    expect(rows).toBe(400);
    expect(most).toBeLessThan(1e-6);
  });
});
