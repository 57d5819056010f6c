import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { Rng } from "../../src/core/rng.js";
import { blockQuality, Changes } from "../../src/explain/block-quality.js";
import { type ExplainReport, evaluate, explain, train } from "../../src/index.js";
import { simulate } from "../../src/sources/simulator/run.js";
import { loadSpec } from "../../src/spec/parse.js";
import { run, temporary } from "../e2e/hashbrook.js";

const folder = temporary();
const MODEL = join(folder, "model.yaml");
const out = temporary();
const [learned, later] = ["learned.tsv", "later.tsv"].map((name) => join(folder, name));
const ROWS = 1500;
let lines: string[];
let report: ExplainReport;

beforeAll(async () => {
  const demo = readFileSync("features/ads-demo.yaml", "utf8");
  const crosses = `  - { name: ad_x_slot, type: cross, of: [ad, slot], table: crosses }
  - { name: ad_x_price, type: cross, of: [ad, price_bucket], table: crosses }
tables:
  crosses: { dim: 4, encoding: exact }
`;
  writeFileSync(MODEL, demo.replace("tables:\n", crosses));
  const chunks: Uint8Array[] = [];
  await simulate({ rows: 5500, seed: 9, format: "tsv", write: (bytes: Uint8Array) => void chunks.push(bytes.slice()) });
  const all = Buffer.concat(chunks).toString().replace(/\n$/, "").split("\n");
  lines = all.slice(-ROWS);
  writeFileSync(learned, `${all.slice(0, -ROWS).join("\n")}\n`);
  writeFileSync(later, `${lines.join("\n")}\n`);
  await train({ model: MODEL, data: learned, out, threads: 1 });
  report = await explain({
    checkpoint: out,
    data: later,
    block: ROWS,
    repetitions: 1,
    seed: 5,
    by: "device",
    threads: 1,
  });
});

/** Quality of the events with a column replaced. */
async function changed(column: string, values: (before: readonly string[]) => readonly string[]) {
  const at = loadSpec(MODEL).events.columns.indexOf(column);
  const rows = lines.map((line) => line.split("\t"));
  const after = values(rows.map((row) => row[at]));
  const path = join(temporary(), "changed.tsv");
  writeFileSync(path, `${rows.map((row, r) => row.with(at, after[r]).join("\t")).join("\n")}\n`);
  return evaluate({ checkpoint: out, data: path, threads: 1 });
}

/** The order of the n-th permutation of a block. */
function order(seed: number, n: number): number[] {
  const rng = new Rng(seed);
  for (let i = 0; ; i++) {
    const places = Array.from({ length: ROWS }, (_, r) => r);
    for (let r = ROWS - 1; r > 0; r--) {
      const other = rng.below(r + 1);
      [places[r], places[other]] = [places[other], places[r]];
    }
    if (i === n) return places;
  }
}

const of = (name: string) => report.importance.find(({ source }) => source === name)!;

describe("explain", () => {
  it("reports the quality that eval reports for the same events, by value of a field too", async () => {
    const { auc, logloss, by, examples } = await evaluate({ checkpoint: out, data: later, by: "device", threads: 1 });
    expect(report.quality).toMatchObject({ auc, logloss, examples });
    expect(report.by).toEqual(by);
    const weight = report.reliability.reduce((sum, point) => sum + point.examples, 0);
    expect(weight).toBe(ROWS);
  });

  it.each(["ad", "user_interests", "price", "user_country"])(
    "removing %s is as if its column were empty, including its crosses",
    async (column) => {
      const without = await changed(column, (values) => values.map(() => ""));
      const { left_out } = of(column);
      expect(left_out!.logloss).toBeCloseTo(without.logloss! - report.quality.logloss!, 8);
      expect(left_out!.auc).toBeCloseTo(without.auc! - report.quality.auc!, 9);
    },
  );

  it.each(["ad", "user_interests", "price"])("permuting %s is as if its column were permuted", async (column) => {
    // Inputs are permuted in the order of the spec.
    const spec = loadSpec(MODEL);
    const sources = [...new Set(spec.fields.flatMap((field) => ("from" in field ? [field.from] : [])))];
    const places = order(5, sources.indexOf(column));
    const moved = await changed(column, (values) => places.map((r) => values[r]));
    expect(of(column).permuted.logloss).toBeCloseTo(moved.logloss! - report.quality.logloss!, 8);
    expect(of(column).permuted.auc).toBeCloseTo(moved.auc! - report.quality.auc!, 9);
    expect(of(column).changed).toBeGreaterThan(0.5);
  });

  it("names the affected crosses, and lists each alone after all fields", () => {
    const crosses = loadSpec(MODEL).fields.flatMap((field) => ("of" in field ? [field.name] : []));
    expect(
      report.importance
        .slice(-crosses.length)
        .map(({ name }) => name)
        .sort(),
    ).toEqual([...crosses].sort());
    expect(report.importance.at(-1)).toMatchObject({ source: null, left_out: null });
    expect(of("ad").crosses.length).toBeGreaterThan(0);
  });

  it("distinguishes frequent, rare and unseen ids: together they are all events, and what was never learned is unseen", () => {
    const users = report.ids.find(({ field }) => field === "user")!;
    const groups = [users.head!, users.tail!, users.unseen!];
    expect(groups.reduce((sum, { events }) => sum + events, 0)).toBe(ROWS);
    expect(groups.reduce((sum, { ids }) => sum + ids, 0)).toBe(users.distinct);
    const at = loadSpec(MODEL).events.columns.indexOf("user");
    const known = new Set(
      readFileSync(learned, "utf8")
        .split("\n")
        .map((line) => line.split("\t")[at]),
    );
    expect(users.unseen!.events).toBe(lines.filter((line) => !known.has(line.split("\t")[at])).length);
  });

  it("is reproducible for any number of threads, and within standard errors for another seed", async () => {
    const options = { checkpoint: out, data: later, limit: 600, block: 100, repetitions: 2, threads: 1 };
    const one = await explain(options);
    expect(await explain({ ...options, threads: 2 })).toEqual(one);
    const other = await explain({ ...options, seed: 2 });
    const strongest = one.importance[0];
    const again = other.importance.find(({ name }) => name === strongest.name)!;
    const error = strongest.permuted.logloss_se! + again.permuted.logloss_se!;
    expect(Math.abs(strongest.permuted.logloss! - again.permuted.logloss!)).toBeLessThan(4 * error);
  });

  it.each(["ads-demo-lr", "globo-ffm", "criteo-deep-crossing"])("works for %s", async (name) => {
    const model = `features/${name}.yaml`;
    const directory = temporary();
    if (name === "ads-demo-lr") {
      await train({ model, data: learned, out: directory, threads: 1 });
      const { importance } = await explain({ checkpoint: directory, data: later, limit: 500, repetitions: 1 });
      expect(importance.every(({ permuted }) => Number.isFinite(permuted.logloss))).toBe(true);
      return;
    }
    const spec = loadSpec(model);
    const data = join(directory, "events.tsv");
    writeFileSync(data, rowsFor(spec, 200));
    await train({ model, data, out: join(directory, "run"), threads: 1 });
    const { importance, quality } = await explain({
      checkpoint: join(directory, "run"),
      data,
      repetitions: 1,
      block: 64,
    });
    expect(quality.examples).toBe(200);
    expect(importance.every(({ permuted }) => Number.isFinite(permuted.logloss))).toBe(true);
  });

  it("reports invalid options", async () => {
    const ask = (options: object) => expect(explain({ checkpoint: out, data: later, threads: 1, ...options })).rejects;
    await ask({ block: 1 }).toMatchObject({ code: "usage" });
    await ask({ repetitions: 0 }).toMatchObject({ code: "usage" });
    await ask({ by: "nothing" }).toMatchObject({ code: "usage" });
    await ask({ data: join(folder, "none.tsv") }).toMatchObject({ code: "source_missing" });
    const rubbish = join(folder, "rubbish.tsv");
    writeFileSync(rubbish, "no\nevents\n");
    await ask({ data: rubbish }).toMatchObject({ code: "all_rejected", message: expect.stringContaining("all 2") });
  });

  it("prints tables, and with --save writes the result next to the checkpoints", async () => {
    const args = [
      "explain",
      "--checkpoint",
      out,
      "--data",
      later,
      "--limit",
      "300",
      "--repetitions",
      "1",
      "--threads",
      "1",
      "--save",
    ];
    const { stdout, status } = await run(args);
    expect(status).toBe(0);
    expect(stdout).toMatch(/left out: logloss[\s\S]*with ad_x_slot[\s\S]*unseen[\s\S]*predicted and actual rates/);
    const saved = JSON.parse(readFileSync(join(out, "explain.json"), "utf8"));
    expect(saved).toMatchObject({ model: "ads-demo", quality: { examples: 300 } });
  });
});

it("an explanation that cannot be saved is still printed", async () => {
  const saved = join(out, "explain.json");
  rmSync(saved, { force: true });
  mkdirSync(saved);
  writeFileSync(join(saved, "a"), "");
  const args = ["explain", "--checkpoint", out, "--data", later, "--limit", "300", "--repetitions", "1", "--save"];
  const { stdout, stderr, status } = await run(args);
  rmSync(saved, { recursive: true });
  expect([status, stderr]).toEqual([3, expect.stringMatching(/explain\.json: cannot be written/)]);
  expect(stdout).toMatch(/left out: logloss/);
});

/** Rows for a table's spec: every third is positive. */
function rowsFor({ events, label, fields }: ReturnType<typeof loadSpec>, rows: number): string {
  const numeric = new Set(fields.flatMap((field) => ("boundaries" in field || "missing" in field ? [field.from] : [])));
  const row = (r: number) =>
    events.columns.map((name, c) => {
      if (name === label.from) return r % 3 === 0 ? "1" : "0";
      if (name === label.time?.from) return String(1_500_000_000_000 + r);
      return numeric.has(name) ? String((r * 7 + c) % 50) : `v${(r * 3 + c) % 20}`;
    });
  return `${Array.from({ length: rows }, (_, r) => row(r).join("\t")).join("\n")}\n`;
}

describe("a block's quality", () => {
  it("counts ordered pairs, ties by half, with weights and soft labels", () => {
    const logits = Float32Array.of(-1, 0, -0, 2, Number.NaN);
    const labels = Float32Array.of(0, 1, 0, 0.5, 1);
    const weights = Float32Array.of(1, 2, 1, 4, 9);
    // Positives: 2 at 0, 2 at 2; negatives: 1 at -1, 1 at 0, 2 at 2.
    const pairs = 2 * (1 + 0.5) + 2 * (2 + 2 / 2);
    expect(blockQuality(logits, labels, weights).auc).toBeCloseTo(pairs / (4 * 4), 12);
    expect(blockQuality(logits.subarray(0, 1), labels, weights).auc).toBeNaN();
  });

  it("differences have the standard error of a weighted mean, and none for a single block", () => {
    const changes = new Changes();
    const quality = (logloss: number) => ({ logloss, auc: Number.NaN });
    changes.add(quality(1), [quality(1.5), quality(1.7)], 10);
    expect(changes.result()).toMatchObject({ logloss: expect.closeTo(0.6), logloss_se: null, auc: null, auc_se: null });
    changes.add(quality(1), [quality(1.2)], 10);
    expect(changes.result()).toMatchObject({ logloss: expect.closeTo(0.4), logloss_se: expect.closeTo(0.2) });
  });
});
