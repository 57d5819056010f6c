import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { LR } from "../small-specs.js";
import { digests, report, run, temporary } from "./hashbrook.js";

const folder = temporary();
const file = join(folder, "ads.tsv.gz");
const args = (out: string) => ["train", "--model", LR, "--data", file, "--out", join(folder, out)];

it("events learned before a damaged part of a file are saved, and the run resumes there once it is repaired", async () => {
  expect((await run(["simulate", "--rows", "30000", "--out", join(folder, "ads.tsv")])).status).toBe(0);
  const whole = gzipSync(readFileSync(join(folder, "ads.tsv")));
  writeFileSync(file, whole.subarray(0, whole.length >> 1));
  const cut = await run(args("cut"));
  expect(cut.status).toBe(3);
  expect(cut.stderr).toMatch(
    /truncated.*\n.*progress up to that point is saved in .*checkpoint-0+\d{4,}: continue with --resume/,
  );
  const again = await run([...args("cut"), "--resume"]);
  expect([again.status, again.stderr]).toEqual([3, expect.not.stringContaining("saved in")]);
  writeFileSync(file, whole);
  const { examples, examples_this_run } = await report([...args("cut"), "--resume"]);
  expect(examples).toBe(30_000);
  expect(examples_this_run).toBeLessThan(20_000);
  await report(args("whole"));
  expect(digests(join(folder, "cut"))).toEqual(digests(join(folder, "whole")));
});
