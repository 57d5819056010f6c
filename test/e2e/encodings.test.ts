import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Rng } from "../../src/core/rng.js";
import { digests, ended, report, run, start, temporary } from "./hashbrook.js";

const folder = temporary();
const ROWS = 12_000;

/** The demo's model, its users and ads encoded otherwise. */
function model(name: string, users: string, ads: string): string {
  const path = join(folder, `${name}.yaml`);
  const yaml = readFileSync("features/ads-demo.yaml", "utf8")
    .replace(/ {2}users: .*/, `  users: { dim: 8, ${users} }`)
    .replace(/ {2}ads: .*/, `  ads: { dim: 8, ${ads} }`);
  writeFileSync(path, yaml);
  return path;
}

const rowwise = "optimizer: { rowwise_adagrad: { learning_rate: 0.05 } }";
const models = {
  "shared and compositional": model(
    "composed",
    "encoding: shared, budget: 200 kB",
    "encoding: compositional, budget: 100 kB, precision: f16",
  ),
  "multi_hash and low_dim": model(
    "weighed",
    "encoding: multi_hash, budget: 200 kB",
    "encoding: low_dim, low_dim: { dim: 2 }",
  ),
  "dhe, batch-normed and not": model(
    "decoded",
    "encoding: dhe, dhe: { hashes: 32, width: 16 }",
    "encoding: dhe, dhe: { hashes: 16, width: 16, batch_norm: true, activation: mish }",
  ),
  "hot_cold over shared and over dhe": model(
    "hot",
    "encoding: hot_cold, budget: 200 kB",
    "encoding: hot_cold, rows: 300, hot_cold: { cold: { encoding: dhe, dhe: { hashes: 16, width: 16 } } }",
  ),
  "int8 rows, in several memories": model(
    "low",
    `encoding: exact, precision: int8, ${rowwise}`,
    `encoding: hash, rows: 3000, shards: 3, precision: int8, ${rowwise}`,
  ),
};

describe.each(Object.entries(models))("%s", (_, path) => {
  const train = (out: string, ...more: string[]) => [
    ...["train", "--model", path, "--data", `simulate:${ROWS}:5`, "--out", out],
    ...more,
  ];

  it("give the same bytes for any number of threads, and when killed and resumed", async () => {
    const whole = temporary();
    expect(report(train(whole, "--threads", "1")).examples).toBe(ROWS);
    const threaded = temporary();
    report(train(threaded, "--threads", "2", "--checkpoint-every", "3000"));
    expect(digests(threaded)).toEqual(digests(whole));
    const out = temporary();
    const rng = new Rng(3);
    for (let attempt = 0; attempt < 20; attempt++) {
      const child = start(train(out, "--resume", "--checkpoint-every", "700", "--json"));
      const timer = setTimeout(() => child.kill("SIGKILL"), attempt < 4 ? 300 + rng.below(900) : 100_000);
      const { status, stderr } = await ended(child);
      clearTimeout(timer);
      if (status === 0) break;
      expect(status, stderr).toBeNull();
    }
    expect(digests(out)).toEqual(digests(whole));
  });

  it("are scored alike by predict, eval and inspect after a restore", () => {
    const out = temporary();
    const trained = report(train(out));
    const data = `simulate:2000:5`;
    const scores = run(["predict", "--checkpoint", out, "--data", data, "--out", "-"])
      .stdout.trim()
      .split("\n")
      .map(Number);
    expect(scores).toHaveLength(2000);
    for (const score of scores) expect(score > 0 && score < 1).toBe(true);
    const first = run(["predict", "--checkpoint", out, "--data", data, "--limit", "1", "--out", "-"]).stdout;
    expect(Number(first)).toBe(scores[0]);
    expect(report(["eval", "--checkpoint", out, "--data", data]).auc).toBeGreaterThan(0.6);
    const inspected = JSON.parse(
      run(["inspect", "--checkpoint", out, "--field", "user", "--value", "u1", "--json"]).stdout,
    ) as { tables: { name: string; bytes: number }[] };
    const bytes = (tables: readonly { name: string; bytes: number }[]) =>
      tables.find(({ name }) => name === "users")!.bytes;
    expect(bytes(inspected.tables)).toBeGreaterThan(0);
    expect(bytes(trained.tables)).toBeGreaterThan(0);
  });

  it("are answered alike by a scorer that followed the training", async () => {
    const [out, log] = [temporary(), join(temporary(), "log")];
    report(train(out, "--publish", log, "--publish-ms", "100"));
    const events = run(["simulate", "--rows", "60", "--seed", "5", "--format", "json"]).stdout.trim().split("\n");
    const data = join(temporary(), "events.tsv");
    writeFileSync(data, run(["simulate", "--rows", "60", "--seed", "5"]).stdout);
    const scores = run(["predict", "--checkpoint", out, "--data", data, "--out", "-"]).stdout.trim().split("\n");
    const server = start(["serve", "--follow", log, "--port", "0"]);
    const [line] = (await once(server.stdout!, "data")) as [Buffer];
    const { listening } = JSON.parse(String(line)) as { listening: string };
    for (let i = 0; i < 500 && !(await fetch(`${listening}/v2/health/ready`)).ok; i++) await sleep(20);
    const body = JSON.stringify({ candidates: events.map((event) => JSON.parse(event)) });
    const headers = { "content-type": "application/json" };
    const answer = await (await fetch(`${listening}/v1/score`, { method: "POST", headers, body })).json();
    server.kill("SIGINT");
    expect((await ended(server)).status).toBe(0);
    expect(answer).toMatchObject({ version: ROWS, scores: scores.map(Number) });
  });
});
