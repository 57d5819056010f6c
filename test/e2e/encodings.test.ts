import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { openCheckpoint } from "../../src/checkpoints/store.js";
import { Rng } from "../../src/core/rng.js";
import { openFollow } from "../../src/delta-log/open.js";
import { Scorer } from "../../src/serve/scorer.js";
import { createServer } from "../../src/serve/server.js";
import type { Report } from "../../src/train/metrics/report.js";
import { until } from "../until.js";
import { digests, endedAfterKills, kills, report, run, simulatedLines, temporary } from "./hashbrook.js";

const folder = temporary();
const ROWS = 4_000;
const KILLS = kills(3, 6);

/** The demo's model, with another encoding in each table. */
function model(name: string, encodings: Readonly<Record<string, string>>): string {
  const path = join(folder, `${name}.yaml`);
  let yaml = readFileSync("features/ads-demo.yaml", "utf8");
  for (const [table, encoding] of Object.entries(encodings))
    yaml = yaml.replace(new RegExp(`^  ${table}: .*$`, "m"), `  ${table}: { dim: 8, ${encoding} }`);
  writeFileSync(path, yaml);
  return path;
}

const rowwise = (precision: string) =>
  `precision: ${precision}, optimizer: { rowwise_adagrad: { learning_rate: 0.05 } }`;
/** Starting a run costs more than training it, so a model has as many kinds as tables. */
const models = {
  "shared, compositional, multi_hash, low_dim, and int8 rows in several memories": model("composed", {
    users: "encoding: shared, budget: 200 kB",
    ads: "encoding: compositional, budget: 100 kB, precision: f16",
    ids: "encoding: multi_hash, budget: 200 kB",
    context: "encoding: low_dim, low_dim: { dim: 2 }",
    interests: `encoding: hash, rows: 3000, shards: 3, ${rowwise("int8")}`,
  }),
  "dhe, batch-normed and not, hot_cold over int4 shared and over dhe, and exact int2 rows": model("decoded", {
    users: "encoding: dhe, dhe: { hashes: 32, width: 16 }",
    ads: "encoding: dhe, dhe: { hashes: 16, width: 16, batch_norm: true, activation: mish }",
    ids: `encoding: hot_cold, budget: 200 kB, hot_cold: { cold: { ${rowwise("int4")} } }`,
    context: "encoding: hot_cold, rows: 300, hot_cold: { cold: { encoding: dhe, dhe: { hashes: 16, width: 16 } } }",
    interests: `encoding: exact, ${rowwise("int2")}`,
  }),
};

/** A field of each table, and two of its values. */
const asked = {
  users: ["user", "u1", "u2"],
  ads: ["ad", "a1", "a2"],
  ids: ["site", "s1", "s2"],
  context: ["device", "phone", "desktop"],
  interests: ["user_interests", "banking.2", "fitness.2"],
} as const;

/** A candidate's members are the columns of a row. */
const data = join(folder, "events.tsv");
let candidates: object[];
let labels: number[];

beforeAll(async () => {
  const rows = await simulatedLines(2000, 5);
  writeFileSync(data, `${rows.join("\n")}\n`);
  labels = rows.map((row) => Number(row[0]));
  candidates = (await simulatedLines(60, 5, "json")).map((line) => JSON.parse(line) as object);
});

describe.each(Object.entries(models))("%s", (_, path) => {
  const train = (out: string, ...more: string[]) => [
    ...["train", "--model", path, "--data", `simulate:${ROWS}:5`, "--out", out],
    ...more,
  ];
  const [whole, threaded] = [temporary(), temporary()];
  const log = join(threaded, "log");
  let trained: Report;

  beforeAll(async () => {
    trained = await report(train(whole, "--threads", "1"));
    expect(trained.examples).toBe(ROWS);
  });

  it("give the same bytes for any number of threads, also while publishing", async () => {
    const publishing = ["--publish", log, "--publish-ms", "100"];
    await report(train(threaded, "--threads", "2", "--checkpoint-every", "3000", ...publishing));
    expect(weightsOf(threaded)).toEqual(weightsOf(whole));
    const { publisher, ...others } = manifestOf(threaded);
    expect(publisher).toBeDefined();
    expect({ ...others, publisher: undefined }).toEqual(manifestOf(whole));
  });

  it("give the same bytes when repeatedly killed at a write and resumed", async () => {
    const out = temporary();
    const args = train(out, "--resume", "--checkpoint-every", "700", "--json");
    expect(await endedAfterKills(args, KILLS, new Rng(3))).toBe(KILLS);
    expect(digests(out)).toEqual(digests(whole));
  }, 300_000);

  it("are scored identically by predict and eval after a restore, and inspect shows what was trained", async () => {
    const out = join(temporary(), "scores");
    const predicted = async (...more: string[]) => {
      await report(["predict", "--checkpoint", whole, "--data", data, "--out", out, ...more]);
      return numbersIn(out);
    };
    const scores = await predicted();
    expect(scores).toHaveLength(labels.length);
    for (const score of scores) expect(score > 0 && score < 1).toBe(true);
    expect(await predicted("--limit", "1")).toEqual(scores.slice(0, 1));
    const { auc, logloss } = await report(["eval", "--checkpoint", whole, "--data", data]);
    expect(auc).toBeGreaterThan(0.6);
    expect(loglossOf(scores)).toBeCloseTo(logloss!, 5);
    const inspected = await inspect(whole);
    expect(inspected).toMatchObject({ examples: ROWS, spec_hash: trained.spec_hash });
    const rows = (tables: readonly { name: string; rows: number }[]) => tables.map(({ name, rows }) => [name, rows]);
    expect(rows(inspected.tables)).toEqual(rows(trained.tables));
    for (const [table, [field, value, other]] of Object.entries(asked)) {
      const weights = await vectorOf(whole, table, field, value);
      expect(weights, table).toHaveLength(8);
      expect(weights.every(Number.isFinite) && weights.some((weight) => weight !== 0), table).toBe(true);
      // Another value has another vector, and the checkpoint of the other run has the same one.
      expect(await vectorOf(whole, table, field, other), table).not.toEqual(weights);
      expect(await vectorOf(threaded, table, field, value), table).toEqual(weights);
    }
  });

  it("are scored identically by a scorer that followed the training", async () => {
    const out = join(temporary(), "scores");
    await report(["predict", "--checkpoint", whole, "--data", data, "--limit", "60", "--out", out]);
    const follower = Scorer.follow(openFollow(log));
    const server = createServer(follower, { maxEventLoopDelay: 0 });
    await until(async () => (await server.inject("/v2/health/ready")).statusCode === 200);
    const answer = await server.inject({ method: "POST", url: "/v1/score", payload: { candidates } });
    expect(answer.json()).toMatchObject({ version: ROWS, scores: numbersIn(out) });
    await server.close();
    await follower.close();
  });
});

/** A publishing run's manifest also records how far it has published. */
const weightsOf = (out: string) => Object.entries(digests(out)).filter(([name]) => !name.endsWith("manifest.json"));

/** A manifest without its checksum. */
function manifestOf(out: string) {
  const path = join(openCheckpoint(out).checkpoint.path, "manifest.json");
  const { checksum: _, meta, ...facts } = JSON.parse(readFileSync(path, "utf8"));
  const { publisher, ...others } = meta as Record<string, unknown>;
  return { facts, others, publisher };
}

const numbersIn = (path: string) => readFileSync(path, "utf8").trim().split("\n").map(Number);

function loglossOf(scores: readonly number[]): number {
  return scores.reduce((sum, p, i) => sum - Math.log(labels[i] ? p : 1 - p), 0) / scores.length;
}

async function vectorOf(checkpoint: string, table: string, field: string, value: string): Promise<number[]> {
  const { tables } = await inspect(checkpoint, "--field", field, "--value", value);
  return tables.find(({ name }) => name === table)!.asked!.weights;
}

async function inspect(checkpoint: string, ...more: string[]) {
  const { stdout } = await run(["inspect", "--checkpoint", checkpoint, "--json", ...more]);
  return JSON.parse(stdout) as {
    examples: number;
    spec_hash: string;
    tables: { name: string; rows: number; asked?: { weights: number[] } }[];
  };
}
