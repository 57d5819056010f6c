import { spawnSync } from "node:child_process";
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, it } from "vitest";
import { Rng } from "../../src/core/rng.js";
import { LR } from "../small-specs.js";
import { digests, ended, endedAfterKills, kills, report, simulated, start, temporary } from "./hashbrook.js";

const folder = temporary();
const plain = join(folder, "ads.tsv");
const gzipped = join(folder, "ads-2.tsv.gz");
const ROWS = 10_000;

beforeAll(async () => {
  writeFileSync(plain, await simulated(ROWS / 2, 3));
  appendFileSync(plain, "this row has too few columns\n\n");
  const second = (await simulated(ROWS / 2, 4)).split("\n");
  second.splice(777, 0, second[0].replace(/^\d/, "perhaps"));
  writeFileSync(gzipped, gzipSync(second.join("\n")));
});

const models = { lr: LR, deep_crossing: "features/ads-demo.yaml" };

describe.each(Object.entries(models))("training %s", (_, model) => {
  const train = (out: string, ...more: string[]) => [
    "train",
    "--model",
    model,
    "--data",
    plain,
    gzipped,
    "--out",
    out,
    ...more,
  ];
  const whole = join(temporary(), "whole");

  beforeAll(async () => {
    expect(await report(train(whole, "--threads", "1"))).toMatchObject({
      examples: ROWS,
      rejected: 2,
      rejected_by_code: { bad_label: 1, column_count: 1 },
    });
  });

  it("gives the same bytes for any number of threads", async () => {
    for (const threads of ["2", "3"]) {
      const out = temporary();
      await report(train(out, "--threads", threads, "--checkpoint-every", "4500"));
      expect(digests(out)).toEqual(digests(whole));
    }
  });

  it("gives the same bytes when repeatedly killed and resumed", async () => {
    const out = temporary();
    const args = train(out, "--resume", "--checkpoint-every", "350", "--json");
    const deaths = kills(5, 12);
    expect(await endedAfterKills(args, deaths, new Rng(11))).toBe(deaths);
    expect(digests(out)).toEqual(digests(whole));
  }, 300_000);

  it("finishes its batch and checkpoints on Ctrl-C, exits with 0, and resumes to the same bytes", async () => {
    const out = temporary();
    const child = start(train(out, "--json"));
    child.stderr!.once("data", () => child.kill("SIGINT"));
    const { status, stdout } = await ended(child);
    const { ended_by } = JSON.parse(stdout.trim().split("\n").at(-1)!);
    // On a busy machine the signal may come when the run has ended; then it is not awaited any more.
    if (ended_by !== "end") expect([ended_by, status]).toEqual(["stopped", 0]);
    await report(train(out, "--resume"));
    expect(digests(out)).toEqual(digests(whole));
  });

  it("gives the same bytes when stopped by a limit at the end of a batch and resumed", async () => {
    const out = temporary();
    expect(await report(train(out, "--limit", "8192"))).toMatchObject({ examples: 8192, ended_by: "limit" });
    await report(train(out, "--resume"));
    expect(digests(out)).toEqual(digests(whole));
  });
});

const otherNode = process.env.OTHER_NODE;
if (!otherNode) console.log("skipped: set OTHER_NODE to another node binary to compare checkpoints across versions");

it.skipIf(!otherNode)("gives the same bytes under another version of Node", async () => {
  for (const model of Object.values(models)) {
    const [here, there] = [temporary(), temporary()];
    const args = (out: string) => ["train", "--model", model, "--data", plain, "--out", out];
    await report(args(here));
    expect(spawnSync(otherNode!, ["dist/cli/main.js", ...args(there)]).status).toBe(0);
    expect(digests(there)).toEqual(digests(here));
  }
});
