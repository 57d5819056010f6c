import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { Scorer } from "../../src/serve/scorer.js";
import { createServer } from "../../src/serve/server.js";
import { evaluate } from "../../src/train/evaluation/evaluate.js";
import type { Progress } from "../../src/train/metrics/report.js";
import { predict } from "../../src/train/prediction/predict.js";
import { train } from "../../src/train/train.js";
import { DEEP_CROSSING, LR } from "../small-specs.js";
import { report, run, temporary } from "./hashbrook.js";

const folder = temporary();
const out = join(folder, "run");
let damaged: string;

/** A run of two checkpoints, the newer of which lost its last byte. */
beforeAll(async () => {
  const args = ["train", "--model", LR, "--data", "simulate:2000:5", "--out", out];
  await report([...args, "--limit", "1000"]);
  await report([...args, "--resume"]);
  damaged = damage(out);
});

/** Removes the last byte of a run's newest checkpoint. @returns its path */
function damage(run: string): string {
  const checkpoints = readdirSync(run).filter((name) => name.startsWith("checkpoint-"));
  const newest = join(run, checkpoints.sort().at(-1)!);
  const file = readdirSync(newest).find((name) => name.endsWith(".safetensors"))!;
  truncateSync(join(newest, file), readFileSync(join(newest, file)).length - 1);
  return newest;
}

const skipped = () => [{ path: damaged, reason: expect.stringMatching(/bytes/) }];

it("eval and predict report a skipped damaged checkpoint", async () => {
  const data = "simulate:10:6";
  const evaluated = await evaluate({ checkpoint: out, data });
  const predicted = await predict({ checkpoint: out, data, out: join(folder, "scores") });
  for (const { checkpoint, passed_over } of [evaluated, predicted]) {
    expect(checkpoint).toMatch(/checkpoint-0+1000$/);
    expect(passed_over).toEqual(skipped());
  }
});

it.each([
  ["eval", ["--data", "simulate:10:6"]],
  ["predict", ["--data", "simulate:10:6", "--out", join(folder, "scores")]],
  ["inspect", []],
  ["export", ["--out", join(folder, "export")]],
  ["migrate", ["--model", LR, "--out", join(folder, "migrated")]],
])("%s reports a skipped damaged checkpoint, as text and as JSON", async (command, args) => {
  const { status, stdout, stderr } = await run([command, "--checkpoint", out, ...args, "--json"]);
  expect([status, stderr]).toEqual([0, expect.stringContaining(`hashbrook: skipped checkpoint ${damaged}: `)]);
  expect(JSON.parse(stdout.trim().split("\n").at(-1)!).passed_over).toEqual(skipped());
});

it("export --dims reports a skipped damaged checkpoint, too", async () => {
  const [model, nested] = [join(folder, "nested.yaml"), join(folder, "nested")];
  writeFileSync(
    model,
    readFileSync(DEEP_CROSSING, "utf8")
      .replace(/^train:.*/m, "")
      .concat("\ntrain: { nested: true }\n"),
  );
  const args = ["train", "--model", model, "--data", "simulate:200:5", "--out", nested];
  await report([...args, "--limit", "100"]);
  await report([...args, "--resume"]);
  const cut = damage(nested);
  const line = ["export", "--checkpoint", nested, "--dims", "all=2", "--out", join(folder, "cut"), "--json"];
  const { status, stdout, stderr } = await run(line);
  expect([status, stderr]).toEqual([0, expect.stringContaining(`hashbrook: skipped checkpoint ${cut}: `)]);
  expect(JSON.parse(stdout).passed_over).toMatchObject([{ path: cut }]);
});

it("train --resume says that the only checkpoint was copied without its manifest before it starts anew", async () => {
  const copied = join(folder, "copied");
  const args = ["train", "--model", LR, "--data", "simulate:2000:5", "--out", copied, "--resume"];
  const { checkpoint } = await report(args);
  rmSync(join(checkpoint, "manifest.json"));
  const { status, stdout, stderr } = await run([...args, "--limit", "1000", "--json"]);
  const line = `hashbrook: skipped checkpoint ${checkpoint}: `;
  expect([status, stderr.split(line).length]).toEqual([0, 2]);
  const made = JSON.parse(stdout.trim().split("\n").at(-1)!);
  expect(made.passed_over).toEqual([{ path: checkpoint, reason: expect.stringContaining("manifest.json") }]);
  expect(made.examples).toBe(1000);
});

it("a running trainer's progress names the checkpoints it has skipped", async () => {
  const continued = join(folder, "continued");
  cpSync(out, continued, { recursive: true });
  const seen: unknown[] = [];
  const onProgress = ({ passed_over }: Progress) => seen.push(passed_over);
  await train({ model: LR, data: "simulate:200000:5", out: continued, resume: true, onProgress });
  const path = join(continued, basename(damaged));
  expect(seen[0]).toEqual([{ path, reason: expect.stringMatching(/bytes/) }]);
});

it("a server's readiness and metrics report a skipped damaged checkpoint", async () => {
  const scorer = await Scorer.load(out);
  const app = createServer(scorer, { maxEventLoopDelay: 0 });
  const ready = await app.inject("/v2/health/ready");
  expect([ready.statusCode, ready.json()]).toEqual([
    200,
    expect.objectContaining({ ready: true, version: 1000, passed_over: skipped() }),
  ]);
  expect((await app.inject("/metrics")).body).toMatch(/^hashbrook_passed_over_checkpoints\{.*label="stable"\} 1$/m);
  await app.close();
  await scorer.close();
});
