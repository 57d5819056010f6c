import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cacheEvents } from "../../src/event-cache/cache-events.js";
import { train } from "../../src/train/train.js";
import { tuneAgain } from "../../src/tune/again.js";
import { Ledger } from "../../src/tune/ledger.js";
import type { TuneOptions } from "../../src/tune/options.js";
import { trainedEvents } from "../../src/tune/schedule.js";
import { Session } from "../../src/tune/session.js";
import { profileOf, tune } from "../../src/tune/tune.js";

const folder = mkdtempSync(join(tmpdir(), "hashbrook-tune-"));
const place = (name: string) => join(folder, name);
const data = "simulate:8000:7";
const { columns } = /columns:\s*(?<columns>(?:\n?\s*- \w+)+)/.exec(readFileSync("features/ads-demo.yaml", "utf8"))!
  .groups!;
const model = place("small.yaml");
writeFileSync(
  model,
  `# A small model.
name: small
events: { format: tsv, columns: [${columns.match(/\w+/g)!.join(", ")}] }
label: { field: label, positive: "1" }
fields:
  - { name: user, type: categorical, table: users }
  - { name: ad, type: categorical, table: ads }
  - { name: slot, type: categorical, table: context }
tables: { users: { dim: 4 }, ads: { dim: 4 }, context: { dim: 4 } }
tower: { deep_crossing: { residual: [8] } }
train: { batch: 128 }
`,
);
const options = { model, data, budget: "30%", candidates: 4, strategies: ["exact", "shared"] };

/** A ledger's rows without timings. */
const rowsOf = (out: string) => new Ledger(out).rows.map(({ timing, ...row }) => row);
const codeOf = (given: Partial<TuneOptions>) =>
  tune({ ...options, out: place("wrong"), ...given }).then(
    () => "none",
    (error: { code: string }) => error.code,
  );

it.each([
  [{ strategies: ["exact", "exakt"] }, "unknown strategy exakt"],
  [{ budget: undefined, set: ["tables.usres.dim=4"] }, 'unknown table "usres"'],
  [{ budget: undefined, set: ["tables.users.dmi=4"] }, "unknown key"],
])("%o was refused only after all events had been read: it is refused at once", async (given, message) => {
  const stages: string[] = [];
  const out = place("refused");
  const run = tune({ ...options, out, ...given, onProgress: ({ stage }) => void stages.push(stage) });
  await expect(run).rejects.toThrow(message);
  expect(stages).toEqual([]);
  expect(existsSync(join(out, "ledger.jsonl"))).toBe(false);
});

it("finds a spec that fits the budget, and evaluates it on later events", async () => {
  const report = await tune({ ...options, out: place("whole") });
  expect(report.budget).toBeGreaterThan(0);
  expect(report.bytes).toBeLessThanOrEqual(report.budget!);
  expect(report.auc).toBeGreaterThan(0.5);
  expect(report.reference.bytes).toBeGreaterThan(report.bytes);
  expect(report.candidates).toHaveLength(4);
  expect(report.candidates[0]).toMatchObject({ name: report.chosen, auc: report.auc, judged: true });
  for (const { bytes } of report.candidates) expect(bytes).toBeLessThanOrEqual(report.budget!);
  const chosenBy = rowsOf(place("whole")).filter(({ kind, name }) => kind === "rung" && name === report.chosen);
  for (const row of chosenBy) expect(row.to).toBeLessThanOrEqual(report.judged.from);
  const trained = await train({ model: report.spec, data, out: place("trained") });
  expect(trained.bytes_total).toBeLessThanOrEqual(report.budget!);
  expect(readFileSync(report.spec, "utf8")).toContain("# A small model.");
});

it("decodes the events once, into a temporary cache; a given cache leads to the same figures", async () => {
  expect(existsSync(join(place("whole"), "decoded"))).toBe(false);
  const { data: cached } = (await cacheEvents({ model, data, out: place("events") }))!;
  const report = await tune({ ...options, data: cached, out: place("cached") });
  expect(existsSync(place("events"))).toBe(true);
  const figures = (out: string) => rowsOf(place(out)).filter(({ kind }) => kind !== "question");
  expect(figures("cached")).toEqual(figures("whole"));
  expect(await tuneAgain(place("cached"), report.candidates[0].row!)).toMatchObject({ same: true });
});

it("rebuilds a damaged cache when it continues, and refuses one of other fields", async () => {
  const controller = new AbortController();
  const out = place("damaged");
  const onProgress = ({ stage }: { stage: string }) => void (stage === "rung" && controller.abort());
  await expect(tune({ ...options, out, signal: controller.signal, onProgress })).rejects.toThrow("interrupted");
  const events = join(out, "decoded", "events");
  const bytes = readFileSync(events);
  bytes[bytes.length >> 1] ^= 1;
  writeFileSync(events, bytes);
  await tune({ ...options, out });
  const whole = rowsOf(place("whole"));
  expect(rowsOf(out)).toEqual(whole.slice(0, 1 + whole.findIndex(({ kind }) => kind === "choice")));
  const other = place("other.yaml");
  writeFileSync(other, readFileSync(model, "utf8").replace("- { name: slot,", "- { name: place, from: slot,"));
  expect(await codeOf({ model: other, data: `cache:${place("events")}`, out: place("other") })).toBe("cache_mismatch");
  expect(await codeOf({ data: `cache:${place("none")}`, out: place("no-cache") })).toBe("cache_missing");
});

it("returns the result of a complete ledger again, and reproduces any row to the last digit", async () => {
  const before = readFileSync(join(place("whole"), "ledger.jsonl"), "utf8");
  const report = await tune({ ...options, out: place("whole") });
  expect(readFileSync(join(place("whole"), "ledger.jsonl"), "utf8")).toBe(before);
  const [first] = new Ledger(place("whole")).of("rung").slice(-2);
  for (const row of [first.row, report.candidates[0].row!]) {
    expect(await tuneAgain(place("whole"), row)).toMatchObject({ row, same: true });
  }
});

it("adds the size curve of the chosen spec after a complete run", async () => {
  const report = await tune({ ...options, out: place("whole"), curve: true });
  const { curve, bytes, auc } = report;
  expect(curve.length).toBeGreaterThan(1);
  expect(curve.map((point) => point.bytes)).toEqual(curve.map((point) => point.bytes).sort((a, b) => a - b));
  expect(curve.find((point) => point.bytes === bytes)).toMatchObject({ auc });
});

it("adds magnitude pruning after a complete run", async () => {
  expect((await tune({ ...options, out: place("whole") })).pruning).toBeNull();
  const { pruning, budget, judged } = await tune({ ...options, out: place("whole"), pruning: true });
  expect(pruning!.bytes).toBeLessThanOrEqual(budget!);
  expect(pruning!.bytes).toBeGreaterThan(0.5 * budget!);
  expect(pruning).toMatchObject(judged);
  expect(pruning!.auc).toBeGreaterThan(0.5);
  expect(pruning!.auc_difference).not.toBe(0);
  expect(existsSync(join(place("whole"), "pruning"))).toBe(false);
});

it("refuses to prune a model without removable rows before it trains anything", async () => {
  const linear = place("linear.yaml");
  const text = readFileSync(model, "utf8").replace(/table: \w+/g, "table: weights");
  const tables = "tables: { weights: { encoding: hash, rows: 4096 } }";
  writeFileSync(linear, text.replace(/^tables: .*$/m, tables).replace(/^tower: .*$/m, "tower: lr"));
  const out = place("unprunable");
  const tuned = tune({ ...options, model: linear, out, pruning: true });
  await expect(tuned).rejects.toMatchObject({ code: "usage", message: /no exact embedding table/ });
  expect(new Ledger(out).of("choice")).toEqual([]);
});

it("continues after being interrupted within rungs, twice, and ends with the same ledger", async () => {
  const out = place("stopped");
  for (const at of [2, 1]) {
    const controller = new AbortController();
    let rungs = 0;
    const stop = tune({
      ...options,
      out,
      signal: controller.signal,
      onProgress: ({ stage }) => stage === "rung" && ++rungs === at && controller.abort(),
    });
    await expect(stop).rejects.toThrow(expect.objectContaining({ code: "request_aborted" }));
    expect(rowsOf(out).at(-1)!.kind).toBe("rung");
    // As a kill within a rung's rows leaves it.
    new Ledger(out).truncate(rowsOf(out).length - 1);
  }
  await tune({ ...options, out });
  const whole = rowsOf(place("whole"));
  expect(rowsOf(out)).toEqual(whole.slice(0, 1 + whole.findIndex(({ kind }) => kind === "choice")));
});

it("searches values of a spec, by any metric", async () => {
  const search = { set: ["tables.*.optimizer.ftrl.alpha=0.001,0.1", "train.batch=64,128"], budget: undefined };
  const report = await tune({ ...options, ...search, metric: "logloss", out: place("search") });
  expect(report.budget).toBeNull();
  expect(report.candidates).toHaveLength(4);
  expect(report.chosen).toContain("alpha=0.1");
});

it("finds learning rates, and writes a spec with them", async () => {
  const report = await tune({ model, data: "simulate:5000:7", rates: true, out: place("rates") });
  expect(report.chosen).toMatch(/^tables x\S+ tower x/);
  expect(readFileSync(report.spec, "utf8")).toMatch(/alpha: /);
});

it("refuses different settings in the same directory, and leaves the ledger unchanged", async () => {
  const before = readFileSync(join(place("whole"), "ledger.jsonl"), "utf8");
  const asked = tune({ ...options, budget: "20%", out: place("whole") });
  await expect(asked).rejects.toThrow(/budget was "30%", now "20%"/);
  expect(readFileSync(join(place("whole"), "ledger.jsonl"), "utf8")).toBe(before);
});

it("reports errors with codes", async () => {
  const line = `${"x\t".repeat(columns.match(/\w+/g)!.length - 1)}x`;
  writeFileSync(place("ones.tsv"), `1${line.slice(1)}\n`.repeat(5000));
  writeFileSync(place("empty.tsv"), "");
  expect(await codeOf({ budget: undefined })).toBe("usage");
  expect(await codeOf({ budget: "many" })).toBe("usage");
  expect(await codeOf({ data: "-", out: place("pipe") })).toBe("usage");
  expect(await codeOf({ data: "kafka://localhost:9092/t", out: place("topic") })).toBe("usage");
  expect(await codeOf({ strategies: ["magic"], out: place("magic") })).toBe("usage");
  expect(await codeOf({ data: place("none.tsv"), out: place("none") })).toBe("source_missing");
  expect(await codeOf({ data: place("empty.tsv"), out: place("empty") })).toBe("source_unreadable");
  expect(await codeOf({ data: place("ones.tsv"), out: place("ones") })).toBe("metric_undefined");
  expect(await codeOf({ data: "simulate:500:7", out: place("few") })).toBe("metric_undefined");
  expect(await codeOf({ time: "0.01s", out: place("time") })).toBe("time_too_short");
});

it("says why all candidates failed, also if an earlier version's ledger has a rung without any: a TypeError", async () => {
  const set = ["tables.*.optimizer.ftrl.alpha=1e38"];
  const out = place("failing");
  const failed = async () => {
    const asked = tune({ ...options, set, budget: undefined, out });
    await expect(asked).rejects.toThrow(expect.objectContaining({ code: "diverged" }));
    await expect(asked).rejects.toThrow(/alpha=1e\+38: batch /);
  };
  await failed();
  const standing = { from: 0, to: 1000, auc: 0.6, logloss: 0.5, normalized_entropy: 1, auc_difference: 0, auc_se: 0 };
  const row = { kind: "rung", name: "reference", rung: 0, events: 1000, of: 0, ...standing, kept: true };
  new Ledger(out).append({ ...row, timing: { seconds: 1 } });
  await failed();
});

it("names the smallest budget that a candidate fits", async () => {
  // Every size that is tried takes all proposals of the strategies.
  const asked = tune({ ...options, budget: "100", strategies: ["shared"], out: place("tiny") });
  await expect(asked).rejects.toThrow(expect.objectContaining({ code: "budget_too_small" }));
  await expect(asked).rejects.toThrow(
    expect.objectContaining({
      hint: expect.stringMatching(/^the smallest budget that a candidate fits is [\d,]+ bytes$/),
    }),
  );
});

describe("a model without tables", () => {
  const numbers = place("numbers.yaml");
  writeFileSync(
    numbers,
    readFileSync(model, "utf8").replace(
      /fields:[\s\S]*tables:.*\n/,
      "fields:\n  - { name: price, type: numeric, transform: log1p }\n",
    ),
  );

  it("tries each learning rate of its tower once, instead of seven equal models", async () => {
    const report = await tune({ model: numbers, data: "simulate:5000:7", rates: true, out: place("numbers") });
    const names = report.candidates.map(({ name }) => name);
    expect(names.sort()).toEqual(["tower x0.25", "tower x1", "tower x4"]);
  });

  it("is refused with a share of its tables by that reason", async () => {
    const small = tune({ model: numbers, data, budget: "10%", out: place("no-tables") });
    await expect(small).rejects.toMatchObject({
      code: "usage",
      message: expect.stringMatching(/has no tables to make smaller/),
    });
  });
});

it("counts on training every model on all events if asked to, also when it chooses how many there is time for", async () => {
  const session = await Session.open({ ...options, exhaustive: true, out: place("all") }, { hashbrook: "0" });
  const made = session.make(await session.profile());
  expect(trainedEvents(session.schedule(made, 50_000), made.candidates.length)).toBe(5 * 50_000);
});

it("stops reading the events when told to, and says so, instead of reading on and printing undefined", async () => {
  const controller = new AbortController();
  setTimeout(() => controller.abort("SIGTERM"));
  const stopped = profileOf({ model, data: "simulate:20000:7", signal: controller.signal });
  await expect(stopped).rejects.toMatchObject({
    code: "request_aborted",
    message: "stopped before all events were read",
  });
});
