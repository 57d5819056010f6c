import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import onnxProto from "onnx-proto";
import { beforeAll, describe, expect, it } from "vitest";
import xxhash from "xxhash-wasm";
import { onnxruntime } from "../../src/runtimes/onnxruntime.js";
import type { Report } from "../../src/train/metrics/report.js";
import { pythonHas, runPython } from "../python.js";
import { LR } from "../small-specs.js";
import { report, run, temporary } from "./hashbrook.js";

const folder = temporary();
const out = join(folder, "run");
const events = join(folder, "events.tsv");
let trained: Report;

beforeAll(async () => {
  await run(["simulate", "--rows", "12000", "--seed", "5", "--out", events]);
  trained = await report(["train", "--model", "features/ads-demo.yaml", "--data", events, "--out", out]);
});

describe("train", () => {
  it("reports all documented figures, all finite", () => {
    const { examples, rejected, seconds, examples_per_second, logloss, auc, normalized_entropy, calibration } = trained;
    expect({ examples, rejected }).toEqual({ examples: 12_000, rejected: 0 });
    for (const figure of [seconds, examples_per_second, logloss, auc, normalized_entropy, calibration])
      expect(figure).toBeGreaterThan(0);
    expect(trained.tables.map((table) => Object.keys(table))).toContainEqual([
      "name",
      "encoding",
      "rows",
      "bytes",
      "distinct",
    ]);
    expect(trained.bytes_total).toBe(trained.tables.reduce((sum, table) => sum + table.bytes, 0));
    expect(trained.spec_hash).toMatch(/^[0-9a-f]{16}$/);
    expect(existsSync(join(trained.checkpoint!, "manifest.json"))).toBe(true);
  });

  it("learns: its quality is between chance and the oracle", () => {
    expect(trained.last_tenth.auc!).toBeGreaterThan(0.6);
    expect(trained.oracle_last_tenth!.auc!).toBeGreaterThan(trained.last_tenth.auc!);
    expect(trained.oracle!.logloss!).toBeLessThan(trained.logloss!);
  });

  it("estimates distinct values, and counts rows of exact tables exactly", () => {
    const lines = readFileSync(events, "utf8")
      .trim()
      .split("\n")
      .map((line) => line.split("\t"));
    const users = new Set(lines.map((columns) => columns[4])).size;
    const estimate = trained.fields.find((field) => field.name === "user")!.distinct;
    expect(Math.abs(estimate / users - 1)).toBeLessThan(0.08);
    expect(trained.tables.find((table) => table.name === "users")!.rows).toBe(users);
  });

  it("reads standard input, gzip and JSON with the same result", async () => {
    const text = readFileSync(events);
    writeFileSync(join(folder, "events.tsv.gz"), gzipSync(text));
    const piped = await report(
      ["train", "--model", "features/ads-demo.yaml", "--data", "-", "--out", join(folder, "stdin")],
      text.toString(),
    );
    const gz = await report([
      "train",
      "--model",
      "features/ads-demo.yaml",
      "--data",
      join(folder, "*.gz"),
      "--out",
      join(folder, "gz"),
    ]);
    expect([piped.logloss, gz.logloss]).toEqual([trained.logloss, trained.logloss]);
  });

  it("makes several passes", async () => {
    const twice = await report([
      "train",
      "--model",
      LR,
      "--data",
      events,
      "--epochs",
      "2",
      "--out",
      join(folder, "twice"),
    ]);
    expect(twice.examples).toBe(24_000);
  });

  it("keeps --keep checkpoints, and those that they build on", async () => {
    const kept = join(folder, "kept");
    await report([
      "train",
      "--model",
      LR,
      "--data",
      events,
      "--checkpoint-every",
      "2000",
      "--keep",
      "2",
      "--out",
      kept,
    ]);
    const names = readdirSync(kept).filter((name) => name.startsWith("checkpoint-"));
    const parentOf = (name: string): string | undefined => {
      const { parent } = JSON.parse(readFileSync(join(kept, name, "manifest.json"), "utf8"));
      return parent && `checkpoint-${String(parent.examples).padStart(12, "0")}`;
    };
    // The number of increments between two full checkpoints depends on the disk's speed; what is kept does not.
    const [last, before] = names.reverse();
    expect([last, parentOf(last)]).toEqual(["checkpoint-000000012000", undefined]);
    const chain = [before];
    for (let name = parentOf(before); name !== undefined; name = parentOf(name)) chain.push(name);
    expect(names).toEqual([last, ...chain]);
  });
});

describe("eval and predict", () => {
  it("score with frozen weights, and agree", async () => {
    const probabilities = join(folder, "p.txt");
    const evaluated = await report(["eval", "--checkpoint", out, "--data", events]);
    await report(["predict", "--checkpoint", out, "--data", events, "--out", probabilities]);
    const labels = readFileSync(events, "utf8")
      .trim()
      .split("\n")
      .map((line) => Number(line[0]));
    const p = readFileSync(probabilities, "utf8").trim().split("\n").map(Number);
    const logloss = p.reduce((sum, q, i) => sum - Math.log(labels[i] ? q : 1 - q), 0) / p.length;
    expect(logloss).toBeCloseTo(evaluated.logloss!, 5);
    expect(evaluated.logloss!).toBeLessThan(trained.logloss!);
    expect(await report(["eval", "--checkpoint", out, "--data", events])).toMatchObject({
      logloss: evaluated.logloss,
      auc: evaluated.auc,
    });
  });

  it("predict requires no labels", async () => {
    const unlabelled = join(folder, "unlabelled.tsv");
    const lines = readFileSync(events, "utf8").trim().split("\n").slice(0, 100);
    writeFileSync(unlabelled, lines.map((line) => line.slice(1)).join("\n"));
    const same = async (data: string) =>
      (await run(["predict", "--checkpoint", out, "--data", data, "--limit", "100", "--out", "-"])).stdout;
    expect(await same(unlabelled)).toBe(await same(events));
    expect((await same(unlabelled)).trim().split("\n")).toHaveLength(100);
  });

  it("predict stops at a malformed row unless --max-rejects allows it, and writes a line for it, so that lines stay aligned", async () => {
    const broken = join(folder, "broken.tsv");
    const rows = readFileSync(events, "utf8").split("\n");
    writeFileSync(broken, `${rows[0]}\nrubbish\n${rows[1]}\n`);
    const args = ["predict", "--checkpoint", out, "--data", broken, "--out", "-"];
    expect(await run(args)).toMatchObject({ status: 4, stderr: expect.stringContaining("broken.tsv:2") });
    const { stdout, stderr } = await run([...args, "--max-rejects", "1"]);
    expect(stdout).toMatch(/^0\.\d+\n\n0\.\d+\n$/);
    expect(stderr).toMatch(/1 rejected row has a line without a score: column_count 1/);
  });

  it("predict writes ids beside their scores", async () => {
    const [plain, table] = [join(folder, "plain.txt"), join(folder, "table.csv")];
    const args = ["predict", "--checkpoint", out, "--data", events, "--limit", "1500"];
    await run([...args, "--out", plain]);
    await run([...args, "--columns", "event_id", "user", "--out", table]);
    const scores = readFileSync(plain, "utf8").trim().split("\n");
    const rows = readFileSync(events, "utf8").split("\n").slice(0, 1500);
    const expected = rows.map((row, i) => `${row.split("\t")[3]},${row.split("\t")[4]},${scores[i]}`);
    expect(readFileSync(table, "utf8").trim().split("\n")).toEqual(["event_id,user,score", ...expected]);
    const commas = join(folder, "commas.csv"); // as one name, they were a column that no event has
    await run([...args, "--columns", "event_id,user", "--out", commas]);
    expect(readFileSync(commas)).toEqual(readFileSync(table));
    expect(await run([...args, "--columns", "evnt_id", "--out", table])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/--columns evnt_id: the events have no such column\n {2}columns: label,/),
    });
  });
});

describe("columns of events", () => {
  const data = join(folder, "named.jsonl");
  const model = join(folder, "named.yaml");
  const trainedAt = join(folder, "named");
  beforeAll(async () => {
    const rows = Array.from({ length: 40 }, (_, i) => ({ label: i % 2, score: i % 3, rejected: i % 4 }));
    writeFileSync(data, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    const fields = "fields: [{ name: score, type: categorical, table: t }]\ntables: { t: { encoding: exact } }\n";
    writeFileSync(model, `name: m\nevents: { format: json }\nlabel: { from: label }\n${fields}tower: lr\n`);
    await report(["train", "--model", model, "--data", data, "--out", trainedAt]);
  });
  const checkpoint = ["--checkpoint", trainedAt, "--data", data];

  it("may be named score where no score is written beside them: eval --by did not accept it", async () => {
    const by = await report(["eval", ...checkpoint, "--by", "score", "--group-auc", "rejected"]);
    expect(by.by!.values.map(({ value }) => value).sort()).toEqual(["0", "1", "2"]);
    const unnamed = readFileSync(model, "utf8").replace("name: score,", "name: other, from: score,");
    writeFileSync(model, unnamed);
    const other = join(folder, "named-other");
    await report(["train", "--model", model, "--data", data, "--out", other]);
    expect((await report(["eval", "--checkpoint", other, "--data", data, "--by", "score"])).by!.distinct).toBe(3);
  });

  it("differ from those that predict adds, such as rejected", async () => {
    const to = join(folder, "named.csv");
    const line = ["predict", ...checkpoint, "--columns", "rejected", "--out", to];
    expect(await run(line)).toMatchObject({ status: 0 });
    expect(readFileSync(to, "utf8")).toMatch(/^rejected,score\n/);
    expect(await run([...line, "--max-rejects", "5"])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--columns "rejected": columns must be named once each'),
    });
  });
});

describe("simulate", () => {
  it("reports the oracle's AUC, and gives the same bytes for the same seed", async () => {
    const again = join(folder, "again.tsv");
    const facts = (await report(["simulate", "--rows", "12000", "--seed", "5", "--out", again])) as unknown as {
      oracle_auc: number;
    };
    expect(readFileSync(again).equals(readFileSync(events))).toBe(true);
    expect(facts.oracle_auc).toBeCloseTo(trained.oracle_auc!, 3);
  });

  it("prints no NaN where there are no events, or only events of one class", async () => {
    const printed = async (rows: string) =>
      (await run(["simulate", "--rows", rows, "--seed", "7", "--out", join(folder, "few.tsv")])).stderr;
    expect(await printed("0")).toMatch(/^0 impressions, .*, no clicks · oracle: AUC –, logloss –\n$/);
    expect(await printed("1")).toMatch(/^1 impressions, .*, 0.00 % clicks · oracle: AUC –, logloss 0\.\d{4}\n$/);
  });

  it("does not write impressions and clicks over each other if both are to go to one file", async () => {
    const [one, same] = [join(folder, "one.tsv"), join(folder, "x", "..", "one.tsv")];
    const outcome = await run(["simulate", "--rows", "9", "--out", one, "--clicks", same]);
    expect(outcome).toMatchObject({ status: 2, stderr: expect.stringContaining(`${one}: is named by two of`) });
  });
});

describe("inspect, key and export", () => {
  it("show the same row of an id", async () => {
    const user = readFileSync(events, "utf8").split("\t")[4];
    const [{ key }] = JSON.parse(
      (await run(["key", "--checkpoint", out, "--field", "user", user, "--json"])).stdout,
    ).keys;
    const { tables } = JSON.parse(
      (await run(["inspect", "--checkpoint", out, "--field", "user", "--value", user, "--top", "5", "--json"])).stdout,
    );
    const users = tables.find((table: { name: string }) => table.name === "users");
    expect(users.asked).toMatchObject({ key, row: expect.any(Number) });
    expect(users.top[0]).toMatchObject({ key, similarity: expect.closeTo(1, 5) });
  });

  it("key prints XXH64 seeded by table and seed, as documented", async () => {
    const { h64 } = await xxhash();
    const { stdout } = await run(["key", "--model", "features/ads-demo.yaml", "--field", "user", "u1", "--json"]);
    const [{ key }] = JSON.parse(stdout).keys;
    expect(key).toBe(h64("u1", h64("users", 42n)).toString(16).padStart(16, "0"));
  });

  it("export writes a tower that runs in ONNX Runtime, and tables", async () => {
    const exported = join(folder, "exported");
    const { stdout } = await run(["export", "--checkpoint", out, "--out", exported, "--json"]);
    const { files } = JSON.parse(stdout) as { files: string[] };
    expect(files).toHaveLength(2 + 3 * trained.tables.length);
    const session = await onnxruntime().InferenceSession.create(join(exported, "tower.onnx"));
    expect(session.outputNames).toEqual(["logits"]);
    const { metadataProps } = onnxProto.onnx.ModelProto.decode(readFileSync(join(exported, "tower.onnx")));
    const description = JSON.parse(readFileSync(join(exported, "model.json"), "utf8"));
    expect(Object.fromEntries(metadataProps.map(({ key, value }) => [key, value]))).toEqual({
      model: "ads-demo",
      version: "12000",
      spec_hash: description.spec_hash,
      output: expect.stringContaining("sigmoid"),
    });
    expect(description).toMatchObject({ model: "ads-demo", version: 12000, spec: { name: "ads-demo" } });
  });

  it("train supports lr in q2.13, and export can omit rows that are 0", async () => {
    const [model, trainedTo] = [join(folder, "lr.yaml"), join(folder, "lr")];
    const text = readFileSync("features/ads-demo-lr.yaml", "utf8");
    const optimizer = "{ ftrl: { alpha: 0.1, beta: 1, l1: 2, l2: 1 } }";
    writeFileSync(
      model,
      text.replace(
        /^tables:[\s\S]*?(?=^tower:)/m,
        `tables: { weights: { precision: q2.13, optimizer: ${optimizer} } }\n`,
      ),
    );
    const { tables } = await report(["train", "--model", model, "--data", events, "--out", trainedTo]);
    const keysIn = async (...flags: string[]): Promise<number> => {
      const files = join(folder, `lr-rows${flags.length}`);
      await run(["export", "--checkpoint", trainedTo, "--out", files, "--format", "npy", ...flags]);
      const npy = readFileSync(join(files, "weights.keys.npy"));
      return (npy.length - 10 - npy.readUInt16LE(8)) / 8;
    };
    expect(await keysIn()).toBe(tables[0].rows);
    const kept = await keysIn("--nonzero");
    expect(kept).toBeGreaterThan(10);
    expect(kept).toBeLessThan(tables[0].rows / 2);
  });

  it.skipIf(!pythonHas("numpy", "safetensors"))("exports can be read by Python's safetensors and numpy", async () => {
    const exported = join(folder, "python");
    await run(["export", "--checkpoint", out, "--out", exported]);
    const program = `
import numpy as np
from safetensors.numpy import load_file
t = load_file("${exported}/users.safetensors")
k, w = np.load("${exported}/users.keys.npy"), np.load("${exported}/users.weights.npy")
assert (t["keys"] == k).all() and (t["weights"] == w).all() and np.isfinite(w).all()
print(k.dtype, w.shape[0], w.shape[1])`;
    const stdout = runPython(["-c", program]);
    expect(stdout.trim()).toBe(`uint64 ${trained.tables.find((table) => table.name === "users")!.rows} 8`);
  });
});

it("demo removes nothing but an earlier demo's run", async () => {
  const precious = join(folder, "precious");
  mkdirSync(precious);
  writeFileSync(join(precious, "thesis.txt"), "years");
  const { status, stderr } = await run(["demo", "--rows", "100", "--out", precious]);
  expect([status, stderr]).toEqual([
    5,
    expect.stringContaining("contains thesis.txt, which is not part of a demo's run"),
  ]);
  expect(readFileSync(join(precious, "thesis.txt"), "utf8")).toBe("years");
});

it("every command has an informative --help", async () => {
  for (const command of ["simulate", "train", "eval", "predict", "serve", "inspect", "export", "key", "demo"]) {
    const { status, stdout } = await run([command, "--help"]);
    expect([status, stdout]).toEqual([0, expect.stringMatching(/Usage: hashbrook/)]);
  }
});

it("the help gives choices and defaults as they are typed", async () => {
  const { stdout } = await run(["export", "--help"]);
  const text = stdout.replace(/\s+/g, " ");
  expect(text).toContain("(choices: onnx, safetensors, npy, scorer; default: onnx, safetensors, npy)");
  expect(text).toContain("(choices: tower, whole; default: tower)");
});
