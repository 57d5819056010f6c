import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { policyLines } from "../../src/cli/ips.js";
import { Rng } from "../../src/core/rng.js";
import { PolicyEstimates } from "../../src/impression-log/estimates.js";
import { judgePolicy } from "../../src/impression-log/ips.js";
import { Explorer } from "../../src/serve/explore/policy.js";
import { temporary } from "../e2e/hashbrook.js";
import { shop } from "../serve/served.js";
import { logged } from "./logged.js";

/** Propensity, the policy's probability, reward, expectation, the policy's expectation; expected results computed by numpy. */
const GOLDEN = [
  [0.815, 0.435, 0, 0.015, 0.684],
  [0.818, 0.974, 0, 0.933, 0.464],
  [0.54, 0.898, 0.72, 0.086, 0.222],
  [0.322, 0.844, 0, 0.845, 0.641],
  [0.101, 0.392, 0, 0.368, 0.107],
  [0.414, 0.493, 1.7, 0.951, 0.692],
  [0.438, 0.677, 0, 0.399, 0.635],
  [0.093, 0.061, 0.98, 0.936, 0.377],
  [0.096, 0.556, 0, 0.556, 0.799],
  [0.999, 0.271, 0, 0.24, 0.194],
  [0.67, 0.88, 1.26, 0.741, 0.39],
  [0.273, 0.064, 0.85, 0.674, 0.798],
];

it("estimates and their errors equal those of an independent computation", () => {
  const estimates = new PolicyEstimates();
  for (const [propensity, probability, reward, expected, direct] of GOLDEN)
    estimates.add({ weight: probability / propensity, reward, expected, direct });
  const value = estimates.value();
  const near = (found: { value: number; error: number | null }, mean: number, error: number) => {
    expect(found.value).toBeCloseTo(mean, 12);
    expect(found.error).toBeCloseTo(error, 12);
  };
  near(value.logged, 0.45916666666666656, 0.17728789432656558);
  near(value.ips, 0.4765598283271244, 0.21316779884845874);
  near(value.snips, 0.2737155800536306, 0.1499493361803476);
  near(value.doubly_robust, 0.003082083000924348, 0.36026609274713306);
  near(value.direct, 0.50025, 0.06968132276603425);
  near(value.mean_weight, 1.7410767345934397, 0.47402389445911114);
  expect(value.max_weight).toBeCloseTo(5.791666666666667, 12);
  expect(value.effective_requests).toBeCloseTo(6.610204932512451, 12);
});

describe("a policy, evaluated on a log of random rankings", () => {
  let served: Awaited<ReturnType<typeof shop>>;
  let file: string;
  let rewards: string;
  /** The true value of the greedy policy: the average reward of its choices. */
  let truth = 0;
  const REQUESTS = 1500;
  const worth = (item: number) => 0.05 + 0.5 * ((item * 7) % 4 === 0 ? 1 : 0);

  beforeAll(async () => {
    served = await shop();
    const asked = Array.from({ length: REQUESTS }, (_, i) => ({
      id: `q${i}`,
      body: {
        context: { user: { id: i % 50 } },
        candidates: Array.from({ length: 4 }, (_, c) => ({ item: { id: `i${(i * 5 + c * 11) % 40}` } })),
      },
    }));
    file = await logged(temporary(), served.scorer, asked, { explorer: Explorer.of("softmax:2") });
    const rng = new Rng(11);
    const lines = linesOf(file).map((line) => JSON.parse(line));
    const clicks = lines.filter(({ hashbrook, item }) => {
      const clicked = rng.uniform() < worth(Number(item.id.slice(1)));
      return hashbrook.rank === 1 && clicked;
    });
    rewards = join(temporary(), "rewards.jsonl");
    const idOf = ({ hashbrook: { request, position } }: (typeof lines)[number]) => `${request}/${position}`;
    writeFileSync(rewards, clicks.map((click) => `${JSON.stringify({ id: idOf(click) })}\n`).join(""));
    for (let at = 0; at < lines.length; at += 4) {
      const some = lines.slice(at, at + 4);
      const best = some.reduce((a, b) => (b.hashbrook.probability > a.hashbrook.probability ? b : a));
      truth += worth(Number(best.item.id.slice(1))) / REQUESTS;
    }
  });
  afterAll(() => served.close());

  const linesOf = (path: string) => readFileSync(path, "utf8").trimEnd().split("\n");
  const judge = (more: object = {}) =>
    judgePolicy({ log: [file], rewards: [rewards], checkpoint: served.checkpoint, ...more });

  it("has its true value, within the errors", async () => {
    const report = await judge();
    expect(report).toMatchObject({ requests: REQUESTS, incomplete: 0, policy: "greedy", version: 3000 });
    for (const { value, error } of [report.ips, report.snips, report.doubly_robust])
      expect(Math.abs(value - truth) / error!).toBeLessThan(3);
    expect(Math.abs(report.mean_weight.value - 1) / report.mean_weight.error!).toBeLessThan(3);
    expect(report.effective_requests).toBeLessThan(REQUESTS);
  });

  it("that drew the log itself has weights of 1", async () => {
    const report = await judge({ policy: "softmax:2" });
    expect(report.max_weight).toBeCloseTo(1, 9);
    expect(report.ips.value).toBeCloseTo(report.logged.value, 9);
    expect(report.effective_requests).toBeCloseTo(REQUESTS, 6);
  });

  it("uses rewards of a table, and labels of the events", async () => {
    const clicked = new Set(linesOf(rewards).map((line) => JSON.parse(line).id as string));
    const table = join(temporary(), "rewards.tsv");
    writeFileSync(table, ["time\tid\treward", ...[...clicked].map((id) => `1\t${id}\t1`)].join("\n"));
    const labelled = join(temporary(), "labelled.jsonl");
    const own = linesOf(file).map((line) => {
      const { request, position } = JSON.parse(line).hashbrook;
      return `${line.slice(0, -1)},"click":${Number(clicked.has(`${request}/${position}`))}}`;
    });
    writeFileSync(labelled, own.join("\n"));
    const { ips } = await judge();
    expect((await judge({ rewards: [table] })).ips).toEqual(ips);
    expect((await judge({ log: [labelled], rewards: undefined })).ips).toEqual(ips);
    await expect(judge({ rewards: undefined })).rejects.toThrow(/:\d+: has no label/);
  });

  /** The log with its first lines changed. */
  function cut(change: (lines: string[]) => string[]): string {
    const path = join(temporary(), "cut.jsonl");
    writeFileSync(path, change(linesOf(file)).join("\n"));
    return path;
  }

  it("skips and counts requests that are incomplete in the log", async () => {
    const path = cut((lines) => [...lines.slice(2, 9), ...lines.slice(11, -1)]);
    expect(await judge({ log: [path] })).toMatchObject({ requests: REQUESTS - 3, incomplete: 3 });
    await expect(judge({ log: [cut((lines) => lines.slice(0, 3))] })).rejects.toMatchObject({
      code: "nothing_verified",
    });
  });

  it("counts an incomplete request after the beginning of another one", async () => {
    // Of the first request the last candidates are missing, of the second the first one.
    const path = cut((lines) => [...lines.slice(0, 2), ...lines.slice(5)]);
    expect(await judge({ log: [path] })).toMatchObject({ requests: REQUESTS - 2, incomplete: 2 });
  });

  it("counts a request repeated with the same id once", async () => {
    const once = await judge();
    const path = cut((lines) => [...lines, ...lines.slice(0, 12)]);
    const { repeated, seconds, ...twice } = await judge({ log: [path] });
    expect({ ...twice, repeated: 0, seconds: once.seconds }).toEqual(once);
    expect([repeated, seconds >= 0]).toEqual([3, true]);
    expect(policyLines({ ...once, repeated })).toContain("3 requests left out: duplicate id");
  });

  it("refuses absent or zero propensities, naming the line", async () => {
    const shown = linesOf(file).findIndex((line) => line.includes('"rank":1,'));
    const without = (change: (line: string) => string) =>
      cut((lines) => lines.map((l, i) => (i === shown ? change(l) : l)));
    const zero = without((line) => line.replace(/"propensity":[\d.e-]+/, '"propensity":0'));
    await expect(judge({ log: [zero] })).rejects.toMatchObject({
      code: "propensity_missing",
      message: `${zero}:${shown + 1}: request q0: its propensity is 0`,
    });
    const absent = without((line) => line.replace(/,"rank":1,"propensity":[\d.e-]+/, ""));
    await expect(judge({ log: [absent] })).rejects.toThrow(/request q0: its order was not drawn at random/);
  });

  it("refuses malformed rewards, and policies that need more than scores", async () => {
    const bad = join(temporary(), "bad");
    for (const [text, says] of [
      ["reward\n1", /bad:1: neither a JSON object nor a header/],
      ['{"reward": 1}', /bad:1: has no id/],
      ['{"id": "a", "reward": "x"}', /bad:1: its reward is not a number/],
      ["id,reward\na,1\nb", /bad:3: has 1 values, but the header has 2/],
    ] as const) {
      writeFileSync(bad, text);
      await expect(judge({ rewards: [bad] }), text).rejects.toThrow(says);
    }
    await expect(judge({ policy: "thompson" })).rejects.toMatchObject({ code: "usage" });
    const hint = expect.not.stringContaining("thompson");
    await expect(judge({ policy: "softmax:0" })).rejects.toMatchObject({ code: "usage", hint });
    await expect(judge({ policy: "best" })).rejects.toMatchObject({ code: "usage" });
  });
});
