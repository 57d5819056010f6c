import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { Rng } from "../../src/core/rng.js";
import { Scorer } from "../../src/portable/node.js";
import { digests, endedAfterKills, kills, report, run, simulatedLines, temporary } from "./hashbrook.js";

const ROWS = 30_000;
const folder = temporary();
const at = (name: string) => join(folder, name);
const [shown, clicks, labelled] = ["shown.tsv", "clicks.tsv", "labelled.tsv"].map(at);

/** The demo's model, learning at once; 40 % of the clicks come after the first age. */
function model(method: string): string {
  const path = at(`${method}.yaml`);
  const text = readFileSync("features/ads-demo-join.yaml", "utf8");
  writeFileSync(path, text.replace("  window: 15m", `  correct: { method: ${method}, ages: [30s, 5m, 15m] }`));
  return path;
}

const training = (method: string, out: string, data = [shown]) => [
  ...["train", "--model", model(method), "--data", ...data, "--clicks", clicks, "--out", at(out)],
];

beforeAll(async () => {
  const files = ["--impressions", shown, "--clicks", clicks, "--out", labelled];
  expect((await run(["simulate", "--rows", String(ROWS), "--seed", "11", ...files])).status).toBe(0);
});

describe("train with join.correct", () => {
  it("underestimates with plain, predicts the click rate with fnw and fnc, and is never better than immediate labels", async () => {
    const oracle = await report([
      ...["train", "--model", "features/ads-demo-joined.yaml", "--data", labelled, "--out", at("oracle")],
    ]);
    const calibration = { plain: 0, fnw: 0, fnc: 0 };
    for (const method of ["plain", "fnw", "fnc"] as const) {
      const { second_half, auc, examples, join: counts } = await report(training(method, method));
      calibration[method] = second_half.calibration!;
      expect(auc).toBeLessThan(oracle.auc!);
      expect(second_half.logloss).toBeGreaterThan(oracle.second_half.logloss!);
      expect(counts).toMatchObject({ awaited: 0, late: 0, joined: counts!.corrected });
      expect(examples).toBe(ROWS + counts!.corrected!);
    }
    expect(calibration.plain).toBeLessThan(0.9);
    for (const ratio of [calibration.fnw, calibration.fnc]) expect(Math.abs(ratio - 1)).toBeLessThan(0.03);
  }, 120_000);

  it("resumes to the same bytes after a kill", async () => {
    const short = at("short.tsv");
    writeFileSync(short, `${readFileSync(shown, "utf8").split("\n").slice(0, 12_000).join("\n")}\n`);
    const line = (out: string) => [...training("fnw", out, [short]), "--checkpoint-every", "1500"];
    await report(line("whole"));
    const deaths = kills(3, 4);
    expect(await endedAfterKills([...line("killed"), "--resume"], deaths, new Rng(3))).toBe(deaths);
    expect(digests(at("killed"))).toEqual(digests(at("whole")));
  }, 120_000);

  it("continues in the next day's file, and reads the last one again for its late clicks", async () => {
    const lines = readFileSync(shown, "utf8").split("\n");
    const [day1, day2] = [lines.slice(0, 6144), lines.slice(6144, 12_288)].map((some, i) => {
      writeFileSync(at(`day${i + 1}.tsv`), `${some.join("\n")}\n`);
      return at(`day${i + 1}.tsv`);
    });
    await report(training("fnw", "days", [day1]));
    const alone = await run([...training("fnw", "days", [day2]), "--resume"]);
    expect(alone.stderr).toContain("is missing from --data, but its impressions still wait for late clicks");
    const { join: counts, examples } = await report([...training("fnw", "days", [day1, day2]), "--resume"]);
    expect(examples).toBe(12_288 + counts!.corrected!);
    const once = await report(training("fnw", "once", [day1, day2]));
    expect(counts!.corrected! / once.join!.corrected!).toBeCloseTo(1, 1);
  }, 120_000);

  it("serves predict's probabilities: for fnc, b / (1 - b)", async () => {
    const events = at("few.tsv");
    writeFileSync(events, `${readFileSync(labelled, "utf8").split("\n").slice(0, 40).join("\n")}\n`);
    const out = at("few.txt");
    await report(training("fnc", "served", [shown]).concat("--limit", "10240"));
    const result = await run([...["predict", "--checkpoint", at("served"), "--data", events, "--out", out]]);
    expect(result.status).toBe(0);
    const rows = readFileSync(out, "utf8").trim().split("\n");
    const scorer = await Scorer.load(at("served"));
    const candidates = (await simulatedLines(40, 11, "json")).join(",");
    const { scores } = await scorer.score(`{"candidates": [${candidates}]}`);
    expect(scores).toEqual(rows.map((row) => Math.fround(Number(row))));
    await scorer.close();
  });

  it.each([
    [
      [
        ...["--kafka", "localhost:1", "--topic", "t", "--group", "g", "--clicks-topic", "c"],
        ...["--on-lost-offsets", "earliest"],
      ],
      "none may be lost",
    ],
    [["--data", "-", "--clicks", clicks], "a pipe can be read only once"],
  ])("refuses impressions that cannot be read again: %#", async (data, message) => {
    const line = ["train", "--model", model("fnw"), ...data, "--out", at("refused")];
    const { status, stderr } = await run(
      line,
      data[1] === "-" ? readFileSync(shown, "utf8").slice(0, 5000) : undefined,
    );
    expect(status).toBeGreaterThan(0);
    expect(stderr).toContain(message);
  });
});
