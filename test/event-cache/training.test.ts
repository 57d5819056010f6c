import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { systemProcesses } from "../../src/checkpoints/lock.js";
import { cacheEvents } from "../../src/event-cache/cache-events.js";
import { simulate } from "../../src/sources/simulator/run.js";
import { evaluate } from "../../src/train/evaluation/evaluate.js";
import { decodeOnce } from "../../src/train/files/decode-once.js";
import type { Report } from "../../src/train/metrics/report.js";
import { predict } from "../../src/train/prediction/predict.js";
import { type TrainOptions, train, trainJob } from "../../src/train/train.js";
import { digests, run, temporary } from "../e2e/hashbrook.js";

const folder = temporary();
const [first, second, other] = ["first.tsv", "second.tsv", "other.tsv"].map((name) => join(folder, name));
const [model, calibrated] = ["model.yaml", "calibrated.yaml"].map((name) => join(folder, name));
const cache = `cache:${join(folder, "cache")}`;
const cached = `cache:${join(folder, "other")}`;
const files = [first, second];

async function simulated(rows: number, seed: number): Promise<string[]> {
  const chunks: Uint8Array[] = [];
  await simulate({ rows, seed, format: "tsv", write: (bytes: Uint8Array) => void chunks.push(bytes.slice()) });
  return Buffer.concat(chunks).toString().split("\n").slice(0, -1);
}

beforeAll(async () => {
  const rows = await simulated(5000, 9);
  for (const at of [17, 400, 2999, 4999]) rows.splice(at, 0, "not an event", "");
  writeFileSync(first, `${rows.slice(0, 3000).join("\n")}\n`);
  writeFileSync(second, rows.slice(3000).join("\n"));
  writeFileSync(other, (await simulated(700, 3)).join("\n"));
  const demo = readFileSync("features/ads-demo-lr.yaml", "utf8").replace("rows: 4_194_304", "rows: 65_536");
  writeFileSync(model, demo);
  writeFileSync(calibrated, `${demo}\ncalibration: { by: device }\n`);
  await cacheEvents({ model: calibrated, data: files, out: join(folder, "cache"), texts: ["user_country"] });
  await cacheEvents({ model, data: other, out: join(folder, "other") });
});

/** A report without times and without the run's folder. */
function figures({ seconds: _, examples_per_second: __, checkpoint, ...report }: Report) {
  return { ...report, checkpoint: checkpoint.split("/").at(-1) };
}

const trained = async (options: Partial<TrainOptions>) => {
  const out = options.out ?? temporary();
  const report = await train({ model, data: files, threads: 1, ...options, out });
  return { report: figures(report), files: digests(out), out };
};
/** The same from the data's text. The result is always the same, so it is trained once; nobody continues in its directory. */
const fromText = async (options: Partial<TrainOptions>) => {
  const key = JSON.stringify(options);
  const known = texts.get(key) ?? (await trained(options));
  texts.set(key, known);
  return known;
};
const texts = new Map<string, Awaited<ReturnType<typeof trained>>>();
const same = async (options: Partial<TrainOptions>, from: Partial<TrainOptions> = {}) => {
  const { out: _, ...text } = await fromText(options);
  const { out: __, ...fromCache } = await trained({ ...options, data: cache, ...from });
  expect(fromCache).toEqual(text);
  return text.report;
};

describe("training from a cache leaves the same bytes as training from the data", () => {
  it("with the same report and rejected events", async () => {
    const { examples, rejected } = await same({});
    expect([examples, rejected]).toEqual([5000, 4]);
  });

  it("over several epochs, with the last part held out and early stopping", async () => {
    await same({ epochs: 3, validateLast: 0.2 });
    await same({ epochs: 4, validateLast: 0.3, earlyStop: 1 });
  });

  it("automatically for several epochs: decoded once, into the run's directory, and removed at the end", async () => {
    const notes: string[] = [];
    const once = await trained({ epochs: 3, onNote: (note) => notes.push(note) });
    expect(notes).toEqual([expect.stringContaining("decoding the data once for 3 epochs")]);
    expect(readdirSync(once.out).filter((name) => name.startsWith("decoded"))).toEqual([]);
    const { out: _, ...each } = await trained({ epochs: 3, limit: 1e9 });
    expect([once.report, once.files]).toEqual([each.report, each.files]);
  });

  it("and removes what a killed run has decoded when it is resumed, also if its process had the same id", async () => {
    const { pid: dead } = spawnSync("node", ["--version"]);
    const { out } = await trained({ epochs: 3, limit: 7000 });
    for (const pid of [dead, process.pid]) mkdirSync(join(out, `decoded-${pid}`));
    await trained({ out, epochs: 3, resume: true });
    expect(readdirSync(out).filter((name) => name.startsWith("decoded"))).toEqual([]);
  });

  it("and what was made under a process id that another one has now; not what runs of other machines may still read", async () => {
    const { out } = await trained({ epochs: 3, limit: 7000 });
    const { pid, started, machine } = systemProcesses.self();
    const elsewhere = machine === "00000000" ? "11111111" : "00000000";
    const made = {
      reused: `${pid}-1-${machine}`,
      fresh: `1-1-${elsewhere}`,
      old: `1-2-${elsewhere}`,
      locked: `1-3-${elsewhere}`,
    };
    for (const owner of Object.values(made)) mkdirSync(join(out, `decoded-${owner}`));
    for (const owner of [made.old, made.locked]) utimesSync(join(out, `decoded-${owner}`), 1, 1);
    writeFileSync(join(out, `writer-${made.locked}.lock`), "");
    expect(started).toBeGreaterThan(1);
    const learning = decodeOnce(trainJob({ model, data: files, out, epochs: 3 }), {});
    expect(await learning).toBeNull();
    const left = readdirSync(out).filter((name) => name.startsWith("decoded"));
    expect(left).toEqual([`decoded-${made.fresh}`, `decoded-${made.locked}`]);
  });

  it("with validation events from a cache or from files, with either kind of data", async () => {
    await same({ epochs: 2, validate: [other] }, { validate: [cached] });
    await same({ epochs: 2, validate: [other] });
    await same({ epochs: 2, validate: [other] }, { data: files, validate: [cached] });
  });

  it("of a calibrated model, whose slices have the kept texts", async () => {
    const { calibrated: report } = await same({ model: calibrated });
    expect(report!.slices.length).toBeGreaterThan(2);
  });

  it("of a tower, from several caches", async () => {
    const tower = join(folder, "tower.yaml");
    const text = readFileSync(model, "utf8");
    const tables = text
      .replace(/^tower: .*$/m, "tower: { deep_crossing: { residual: [16] } }")
      .replace("tables:\n", "tables:\n");
    writeFileSync(tower, tables.replace(/encoding: hash, rows: 65_536/, "encoding: hash, rows: 4096, dim: 4"));
    await same({ model: tower, data: [...files, other], limit: 2000 }, { data: [cache, cached] });
  });

  it("when interrupted and resumed, from the cache or the data, in either order", async () => {
    const whole = await fromText({});
    for (const order of [
      [cache, cache],
      [files, cache],
      [cache, files],
    ]) {
      const out = temporary();
      await trained({ out, data: order[0], limit: 2345 });
      const { report, files: left } = await trained({ out, data: order[1], resume: true });
      const newest = Object.entries(left).filter(([name]) => name.includes("5000/") || name.includes("rejected"));
      expect(newest.length).toBeGreaterThan(3);
      for (const [name, digest] of newest)
        if (!name.endsWith("manifest.json")) expect(whole.files[name], name).toBe(digest);
      expect(report.auc).toBe(whole.report.auc);
    }
  });

  it("and learned files are recognized in a cache and in the data", async () => {
    const { out } = await trained({});
    const again = await trained({ out, data: cache, resume: true });
    expect([again.report.examples, again.report.known_files.length]).toEqual([5000, 2]);
    const { report } = await trained({ out, data: [cache, cached], resume: true });
    expect([report.examples, report.known_files.length]).toEqual([5700, 2]);
  });
});

describe("scoring from a cache", () => {
  it("gives the figures and lines that the data give", async () => {
    const { out } = await trained({ limit: 3000 });
    const scored = async (data: string | string[], by?: string) =>
      figures(await evaluate({ checkpoint: out, data, ...(by ? { by } : {}) }));
    expect(await scored(cache)).toEqual(await scored(files));
    expect(await scored(cache, "user_country")).toEqual(await scored(files, "user_country"));
    await expect(scored(cache, "hour_of_day")).rejects.toMatchObject({ code: "cache_mismatch" });
    const lines = async (data: string | string[], columns?: string[]) => {
      const to = join(temporary(), "scores");
      await predict({ checkpoint: out, data, out: to, columns, maxRejects: 10 });
      return readFileSync(to, "utf8");
    };
    expect(await lines(cache)).toBe(await lines(files));
    expect(await lines(cache, ["device", "user_country"])).toBe(await lines(files, ["device", "user_country"]));
  });
});

describe("hashbrook cache", () => {
  it("reports the size of the cache, and does nothing if it exists", async () => {
    const out = join(temporary(), "c");
    const args = ["cache", "--model", model, "--data", ...files, "--out", out];
    const { status, stdout } = await run([...args, "--json"]);
    const report = JSON.parse(stdout);
    expect([status, report.rows, report.rejected, report.made]).toEqual([0, 5000, 4, "no cache found"]);
    expect(report.ratio).toBeCloseTo(report.bytes / (readFileSync(first).length + readFileSync(second).length), 10);
    const again = await run(args);
    expect([again.status, again.stdout.includes("already complete and up to date")]).toEqual([0, true]);
  });

  it("refuses what is not supported, with a hint", async () => {
    const other = await run(["cache", "--model", calibrated, "--data", first, "--out", join(folder, "cache")]);
    expect([other.status, other.stderr.includes("holds another cache")]).toEqual([5, true]);
    const mixed = await run(["train", "--model", model, "--data", cache, first, "--out", temporary()]);
    expect([mixed.status, mixed.stderr.includes("a cache can only be combined with other caches")]).toEqual([2, true]);
    const checked = await run(["check", "--model", model, "--data", cache]);
    expect([checked.status, checked.stderr.includes("cannot read a cache")]).toEqual([2, true]);
    const none = await run(["train", "--model", model, "--data", "cache:nowhere", "--out", temporary()]);
    expect([none.status, none.stderr.includes("no such directory")]).toEqual([3, true]);
  });
});
