import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { DirectorySource } from "../../src/delta-log/directory-source.js";
import { Scorer } from "../../src/serve/scorer.js";
import { createServer } from "../../src/serve/server.js";
import { digests, report, run, temporary } from "../e2e/hashbrook.js";

const folder = temporary();
const path = (name: string) => join(folder, name);
const SPEC = `
name: calibrated
events: { format: json }
label: { field: click }
fields:
  - { name: user, type: categorical, table: ids }
  - { name: device, type: categorical, table: ids }
tables: { ids: { salt: field } }
tower: lr
calibration: { by: device, slices: 2 }
train: { batch: 100, negative_sampling: 0.5 }
`;
const devices = ["phone", "desktop", "watch"];
const event = (i: number) => ({
  click: +((i * 7919) % 100 < 10 + 20 * (i % 3)),
  user: `u${(i * 7) % 50}`,
  device: devices[i % 3],
});
const asked = Array.from({ length: 30 }, (_, i) => ({ user: `u${i * 3}`, device: devices[i % 3] }));
const training = (out: string, ...more: string[]) => [
  "train",
  "--model",
  path("spec.yaml"),
  "--data",
  path("events.json"),
  "--out",
  path(out),
  ...more,
];

beforeAll(async () => {
  writeFileSync(path("spec.yaml"), SPEC);
  writeFileSync(path("events.json"), Array.from({ length: 3000 }, (_, i) => JSON.stringify(event(i))).join("\n"));
  writeFileSync(path("asked.json"), asked.map((one) => JSON.stringify(one)).join("\n"));
});

describe("a model with a calibration and sampled negatives", () => {
  let expected: number[][] = [];

  it("reports both, by slice, over all events, and how many negatives were left out", async () => {
    const found = await report(training("run"));
    expect(found).toMatchObject({ examples: 3000 });
    const slices = found.calibrated?.slices ?? [];
    expect(slices.map(({ slice }) => slice)).toEqual([null, "phone", "desktop"]);
    // lr begins at one half, which affects the first events of so few noticeably.
    for (const { raw, calibrated } of slices) expect(raw! * calibrated!).toBeGreaterThan(0.3);
    // 2,100 of the events are negatives.
    expect(found.left_out).toSatisfy((n: number) => n > 900 && n < 1200);
  });

  it("has the same bytes if it is interrupted and resumed", async () => {
    await report(training("cut", "--limit", "1500"));
    await report(training("cut", "--resume"));
    await report(training("told", "--publish", path("log")));
    expect(digests(path("cut"))).toEqual(digests(path("run")));
  });

  it("writes both probabilities of every row", async () => {
    const { status, stderr } = await run([
      "predict",
      "--checkpoint",
      path("run"),
      "--data",
      path("asked.json"),
      "--out",
      path("scores.tsv"),
    ]);
    expect(status, stderr).toBe(0);
    const lines = readFileSync(path("scores.tsv"), "utf8").trimEnd().split("\n");
    expected = lines.map((line) => line.split("\t").map(Number));
    expect(expected).toHaveLength(30);
    expect(expected.every(([raw, calibrated]) => raw > 0 && calibrated > 0 && raw !== calibrated)).toBe(true);
  });

  it.each(["its checkpoint", "its delta log"])(
    "answers from %s as predict does, and reports the quality of slices",
    async (from) => {
      const follow = () => Scorer.follow(new DirectorySource(path("log")));
      const scorer = from === "its checkpoint" ? await Scorer.load(path("run")) : follow();
      await expect.poll(() => scorer.version?.version).toBe(3000);
      const app = createServer(scorer, { maxEventLoopDelay: 0 });
      const payload = JSON.stringify({ candidates: asked });
      const headers = { "content-type": "application/json" };
      const answer = (await app.inject({ method: "POST", url: "/v1/score", headers, payload })).json();
      expect(answer.scores).toEqual(expected.map(([raw]) => raw));
      expect(answer.calibrated).toEqual(expected.map(([, calibrated]) => calibrated));
      const { body } = await app.inject("/metrics");
      const ratios = [...body.matchAll(/^hashbrook_predicted_over_actual\{(.*)\} [\d.]+$/gm)].map(
        ([, labels]) => labels,
      );
      expect(ratios).toHaveLength(6);
      expect(ratios.filter((labels) => labels.includes('slice="phone",probability="calibrated"'))).toHaveLength(1);
      await app.close();
      await scorer.close();
    },
  );
});
