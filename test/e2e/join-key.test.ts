import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { byKey, keyedSpec, labelledSpec } from "./by-key.js";
import { digests, report, run, temporary } from "./hashbrook.js";

const folder = temporary();
const at = (name: string) => join(folder, name);

const lines = (name: string) => readFileSync(at(name), "utf8").replace(/\n$/, "").split("\n");
const text = (rows: readonly string[]) => `${rows.join("\n")}\n`;

const training = (out: string, ...more: string[]) => [
  ...["train", "--model", at("key.yaml"), "--data", at("shown.tsv"), "--clicks", at("clicks.tsv"), "--out", at(out)],
  ...more,
];

async function predictions(checkpoint: string): Promise<string> {
  const result = await run([
    "predict",
    "--checkpoint",
    at(checkpoint),
    "--data",
    at("labelled.tsv"),
    "--out",
    at("p.txt"),
  ]);
  expect(result.status).toBe(0);
  return readFileSync(at("p.txt"), "utf8");
}

beforeAll(async () => {
  const streams = ["--impressions", at("shown.tsv"), "--clicks", at("clicks.tsv"), "--out", at("all.tsv")];
  expect((await run(["simulate", "--rows", "12000", "--seed", "11", ...streams])).status).toBe(0);
  const keyed = byKey(lines("shown.tsv"), lines("clicks.tsv"));
  for (const [name, rows] of Object.entries(keyed)) writeFileSync(at(`${name}.tsv`), text(rows));
  writeFileSync(at("key.yaml"), keyedSpec);
  writeFileSync(at("labelled.yaml"), labelledSpec);
});

describe("train --clicks with join.key", () => {
  it("trains the same model as labelled events: each click belongs to the last impression of its key", async () => {
    const learn = ["train", "--model", at("labelled.yaml"), "--data", at("labelled.tsv"), "--out", at("labelled")];
    const result = await report(learn);
    const joined = await report(training("joined"));
    expect(joined).toMatchObject({ examples: 12_000, logloss: result.logloss, rejected: 0 });
    const positives = lines("labelled.tsv").filter((line) => line.startsWith("1\t")).length;
    expect(joined.join).toMatchObject({ clicks: lines("clicks.tsv").length, joined: positives, late: 0 });
    expect(positives).toBeLessThan(joined.join!.clicks);
    expect(await predictions("joined")).toBe(await predictions("labelled"));
  });

  it("resumes in the middle of all three streams to the same bytes, and eval assigns the same labels", async () => {
    await report(training("halves", "--limit", String(9 * 512)));
    const { join: counts } = await report(training("halves", "--resume"));
    expect(counts).toEqual((await report(training("joined", "--resume"))).join);
    expect(digests(at("halves"))).toEqual(digests(at("joined")));
    const evaluation = ["eval", "--checkpoint", at("joined"), "--data"];
    const { auc } = await report([...evaluation, at("shown.tsv"), "--clicks", at("clicks.tsv")]);
    expect(auc).toBe((await report([...evaluation, at("labelled.tsv")])).auc);
  });

  it("explain gives the same result for impressions and clicks as for labelled events", async () => {
    const explained = async (checkpoint: string, ...data: string[]) => {
      const line = ["explain", "--checkpoint", at(checkpoint), "--limit", "4000", "--by", "ad", "--json", "--data"];
      const { status, stdout } = await run([...line, ...data]);
      expect(status).toBe(0);
      const { quality, importance, ids, reliability, by } = JSON.parse(stdout.trimEnd().split("\n").at(-1)!);
      return { quality, importance, ids, reliability, by };
    };
    const result = await explained("joined", at("shown.tsv"), "--clicks", at("clicks.tsv"));
    expect(result.importance.length).toBeGreaterThan(2);
    expect(result).toEqual(await explained("labelled", at("labelled.tsv")));
  });

  it("keeps late and repeated clicks by their keys, and rejects those without one", async () => {
    const clicks = lines("clicks.tsv");
    writeFileSync(
      at("unruly.tsv"),
      text([...clicks.slice(0, 600), clicks[10], clicks[599], "1736121604146\tu1\t", ...clicks.slice(600)]),
    );
    const result = await report([...training("unruly", "--keep-late").with(6, at("unruly.tsv"))]);
    expect(result).toMatchObject({ join: { late: 1 }, rejected_by_code: { missing_id: 1 } });
    const kept = readFileSync(join(at("unruly"), "rejected", "late.jsonl"), "utf8")
      .trimEnd()
      .split("\n");
    const label = (reason: string, click: string) => {
      const [time, ...key] = click.split("\t");
      return { reason, key, time, partition: 0 };
    };
    expect(kept.map((one) => JSON.parse(one))).toEqual([label("late", clicks[10]), label("repeated", clicks[599])]);
    expect(await predictions("unruly")).toBe(await predictions("joined"));
  });

  it("refuses impressions from a pipe, since they are read twice", async () => {
    const { status, stderr } = await run(training("x").with(4, "-"), readFileSync(at("shown.tsv"), "utf8"));
    expect(status).toBe(2);
    expect(stderr).toContain("join.key reads impressions twice, but a pipe can be read only once");
  });
});
