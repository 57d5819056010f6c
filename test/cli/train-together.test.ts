import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { standingLines, standingsReporter } from "../../src/cli/standings.js";
import { namesOf } from "../../src/cli/train-together.js";
import type { Progress, Quality } from "../../src/train/metrics/report.js";
import type { Pair, TogetherReport } from "../../src/train/together/options.js";
import { digests, report, run, simulatedLines, temporary } from "../e2e/hashbrook.js";

const quality: Quality = {
  examples: 9,
  logloss: 0.4,
  auc: 0.75,
  auc_error: 0,
  normalized_entropy: 0.9,
  calibration: 1,
};
const pair = (name: string, verdict: Pair["verdict"], p_all: number): Pair => ({
  name,
  reference: "a",
  events: 20_000,
  blocks: 40,
  logloss: { difference: -0.0123456, se: 0.001 },
  normalized_entropy: { difference: -0.03, se: 0.002 },
  auc: { difference: 0.01, se: null },
  p: p_all / 2,
  p_all,
  verdict,
});

describe("the table of models", () => {
  it("shows figures, paired differences, and a verdict only if it is significant", () => {
    const contenders = ["a", "longer", "c"].map((name) => ({ name, quality, bytes: 2048 }));
    const pairs = [pair("longer", "better", 0.0002), pair("c", null, 0.3)];
    expect(standingLines({ contenders, pairs })).toEqual([
      "model      AUC      NE  logloss           Δ logloss     Δ AUC   tables",
      "a       0.7500  0.9000   0.4000                                2.0 KiB",
      "longer  0.7500  0.9000   0.4000  −0.01235 ± 0.00100  +0.01000  2.0 KiB  better than a (p < 0.001)",
      "c       0.7500  0.9000   0.4000  −0.01235 ± 0.00100  +0.01000  2.0 KiB  inconclusive so far",
    ]);
  });

  it("is rewritten in place on a terminal, and printed every few seconds elsewhere", () => {
    const progress = {
      contenders: [{ name: "a", progress: { lifetime: quality, examples: 5 } as Progress }],
      pairs: [],
    };
    const shown = (isTTY: boolean, times: readonly number[]) => {
      let text = "";
      let now = 0;
      const write = (more: string) => {
        text += more;
        return true;
      };
      const stream = { isTTY, columns: 30, write };
      const reporter = standingsReporter(stream as never, { now: () => now, json: false });
      for (now of times) reporter.show({ ...progress, contenders: progress.contenders.map(withSource) });
      reporter.end();
      return text;
    };
    expect(shown(true, [1, 2]).split("\x1b[3A\r\x1b[J")).toHaveLength(3);
    expect(
      Math.max(
        ...shown(true, [1])
          .split("\n")
          .map((line) => line.length),
      ),
    ).toBeLessThan(40);
    expect(shown(false, [1, 6000, 6500]).split("\n")).toHaveLength(4);
  });
});

const withSource = (contender: { name: string; progress: Progress }) => ({
  ...contender,
  progress: { ...contender.progress, done: 0.5, source: null, seconds: 1, examples_this_run: 5, table_bytes: 2048 },
});

it("models are named after their files; repeated names get a number", () => {
  expect(namesOf(["x/a.yaml", "y/a.yml", "a-2.yaml", "b", "z/a.yaml"])).toEqual(["a", "a-2", "a-2-2", "b", "a-3"]);
});

describe("train with several models", () => {
  const folder = temporary();
  const [fast, slow, data] = ["fast.yaml", "slow.yaml", "events.tsv"].map((name) => join(folder, name));
  const out = join(folder, "runs");
  const train = ["train", "--model", fast, "--model", slow, "--data", data, "--out", out];

  beforeAll(async () => {
    const lines = await simulatedLines(12_000, 3);
    writeFileSync(data, `${lines.join("\n")}\n`);
    const lr = readFileSync("features/ads-demo-lr.yaml", "utf8").replace("rows: 4_194_304", "rows: 65_536");
    writeFileSync(fast, lr);
    writeFileSync(slow, lr.replace("alpha: 0.1", "alpha: 0.001"));
  });

  it("reports all models and their differences, and saves each in a directory that is a run of its own", async () => {
    const together = (await report(train)) as unknown as TogetherReport;
    expect(together.contenders.map(({ name, error }) => [name, error])).toEqual([
      ["fast", null],
      ["slow", null],
    ]);
    expect(together.pairs).toMatchObject([{ name: "slow", reference: "fast", verdict: "worse" }]);
    const alone = join(folder, "alone");
    await report(["train", "--model", slow, "--data", data, "--out", alone]);
    expect(digests(join(out, "slow"))).toEqual(digests(alone));
    const { logloss } = await report(["eval", "--checkpoint", join(out, "slow"), "--data", data]);
    expect(logloss).toBeGreaterThan(0);
  });

  it("resumes all models, and keeps those that are not given again in the list", async () => {
    const more = ["--data", "simulate:2000:9", "--resume"];
    const { status, stdout } = await run(["train", "--model", fast, "--model", slow, "--out", out, ...more]);
    expect([status, stdout]).toEqual([0, expect.stringMatching(/^14,000 examples.*\n {2}model +AUC/)]);
    const { models } = JSON.parse(readFileSync(join(out, "together.json"), "utf8"));
    expect(models.map(({ name }: { name: string }) => name)).toEqual(["fast", "slow"]);
  });

  it("keeps the list of the directory's models if a run cannot begin since one of them exists", async () => {
    const list = () => readFileSync(join(out, "together.json"), "utf8");
    const before = list();
    const other = join(folder, "other.yaml");
    writeFileSync(other, readFileSync(slow));
    const refused = await run(["train", "--model", fast, "--model", other, "--data", data, "--out", out]);
    expect(refused).toMatchObject({ status: 5, stderr: expect.stringContaining("already holds a model") });
    expect(list()).toBe(before);
  });

  it("lists the directory's models if one must be chosen", async () => {
    for (const args of [
      ["eval", "--checkpoint", out, "--data", data],
      ["train", "--model", fast, "--data", data, "--out", out, "--resume"],
    ]) {
      const { status, stderr } = await run(args);
      expect([status, stderr]).toEqual([5, expect.stringContaining(`${out}: contains several models: fast, slow`)]);
      expect(stderr).toContain(`name one of them: ${join(out, "fast")} or ${join(out, "slow")}`);
    }
  });

  it("refuses flags for a single model, another spec under a known name, and a directory of a single model", async () => {
    const served = await run([...train, "--serve", "0"]);
    expect([served.status, served.stderr]).toEqual([
      2,
      expect.stringContaining("--serve: cannot be used with several --model"),
    ]);
    const alone = ["train", "--model", fast, "--model", slow, "--data", data, "--out", join(folder, "alone")];
    expect((await run(alone)).stderr).toContain("already holds a single model");
    writeFileSync(slow, readFileSync(slow, "utf8").replace("alpha: 0.001", "alpha: 0.002"));
    const changed = await run([...train, "--resume"]);
    expect([changed.status, changed.stderr]).toEqual([5, expect.stringMatching(/slow was trained with spec/)]);
  });

  it("continues without a model that fails, and reports it by its exit status", async () => {
    const narrow = join(folder, "narrow.yaml");
    writeFileSync(narrow, readFileSync(fast, "utf8").replace(/^ {2}- \{ name: price.*\n/m, ""));
    const lines = readFileSync(data, "utf8").split("\n");
    lines[100] = lines[100].split("\t").with(-3, "dear").join("\t");
    writeFileSync(data, lines.join("\n"));
    const rejecting = ["--max-rejects", "0", "--limit", "3000"];
    const args = ["train", "--model", fast, "--model", narrow, "--data", data, "--out", join(folder, "failing")];
    const { status, stdout, stderr } = await run([...args, ...rejecting]);
    expect([status, stderr]).toEqual([4, expect.stringContaining("hashbrook: fast failed: ")]);
    expect(stdout).toContain("3,000 examples");
  });
});
