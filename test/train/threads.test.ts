import { execFileSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { evaluate } from "../../src/train/evaluation/evaluate.js";
import { predict } from "../../src/train/prediction/predict.js";
import { train } from "../../src/train/train.js";
import { digests, temporary } from "../e2e/hashbrook.js";
import { LR } from "../small-specs.js";
import { startedBy } from "./started.js";

const model = LR;
const data = "simulate:600";

it("threads are reused by the next run, which learns and scores the same and leaves no file open", async () => {
  const outs = [temporary(), temporary(), temporary()];
  const [first, ...others] = outs.map((out) => ({ model, data, out: join(out, "run"), threads: 1 }));
  await train(first);
  const open = () => readdirSync("/proc/self/fd").length;
  const linux = process.platform === "linux";
  const before = linux ? open() : 0;
  const started = await startedBy(async () => {
    for (const options of others) await train(options);
    const checkpoint = first.out;
    const { auc } = await evaluate({ checkpoint, data });
    expect((await evaluate({ checkpoint, data })).auc).toBe(auc);
    await predict({ checkpoint, data, out: join(outs[0], "scores.tsv") });
  });
  expect(started).toBe(0);
  for (const { out } of others) expect(digests(out)).toEqual(digests(first.out));
  // What earlier tests of the process had open may have been closed meanwhile.
  if (linux) expect(open()).toBeLessThanOrEqual(before);
});

it("a failed or stopped run does not affect the next one", async () => {
  const whole = { model, data, out: join(temporary(), "run"), threads: 1 };
  await train(whole);
  const failed = startedBy(async () => {
    const missing = train({ ...whole, data: "not/there.tsv", out: join(temporary(), "run") });
    await expect(missing).rejects.toMatchObject({ code: "source_missing" });
  });
  expect(await failed).toBe(0);
  const stop = new AbortController();
  const stopped = train({ ...whole, data: "simulate:9000000", out: join(temporary(), "run"), signal: stop.signal });
  stop.abort();
  expect(await stopped).toMatchObject({ ended_by: "stopped" });
  const next = { ...whole, out: join(temporary(), "run") };
  expect(await startedBy(() => train(next))).toBeGreaterThan(0);
  expect(digests(next.out)).toEqual(digests(whole.out));
});

it("concurrent runs have separate threads", async () => {
  const runs = [1, 2, 3].map(() => ({ model, data, out: join(temporary(), "run"), threads: 1 }));
  await Promise.all(runs.map(train));
  const [first, ...others] = runs.map(({ out }) => digests(out));
  for (const other of others) expect(other).toEqual(first);
});

it("idle threads do not keep a process alive", () => {
  const program = `
    import { Worker } from "node:worker_threads";
    import { train } from ${JSON.stringify(pathToFileURL("dist/index.js"))};
    let runs = 0;
    const run = () => train({ model: "${model}", data: "${data}", out: ${JSON.stringify(temporary())} + "/" + runs++ });
    await run();
    process.on("beforeExit", async () => {
      if (runs > 1) return;
      const before = new Worker("", { eval: true }).threadId;
      await run();
      console.log(new Worker("", { eval: true }).threadId - before - 1);
    });`;
  const file = join(temporary(), "twice.mjs");
  writeFileSync(file, program);
  expect(execFileSync(process.execPath, [file], { encoding: "utf8" })).toBe("0\n");
});
