import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { writerName } from "../../src/delta-log/directory.js";
import { openFollow } from "../../src/delta-log/open.js";
import { Scorer } from "../../src/serve/scorer.js";
import { train } from "../../src/train/train.js";
import { until } from "../until.js";
import { temporary } from "./hashbrook.js";

const candidates = Array.from({ length: 50 }, (_, i) => ({ ad: `a${i}`, campaign: `c${i % 40}`, user: `u${i}` }));
const body = Buffer.from(JSON.stringify({ candidates }));

const reaches = (follower: Scorer, version: number) =>
  until(
    () => follower.version?.version === version,
    () => follower.health(),
  );

/** Trains up to `limit` examples, publishing or not. */
function trains(out: string, log: string | null, limit: number) {
  const publish = log === null ? {} : { publish: { urls: [log], everyMs: 1_000_000 } };
  const data = "simulate:20000:7";
  return train({ model: "features/ads-demo.yaml", data, out, resume: true, limit, threads: 1, ...publish });
}

it("what a run learned without publishing reaches the followers of the next one that publishes", async () => {
  const out = temporary();
  const log = join(out, "deltas");
  await trains(out, log, 1_000);
  const follower = Scorer.follow(openFollow(log));
  await reaches(follower, 1_000);
  await trains(out, null, 2_000);
  await trains(out, log, 2_500);
  await reaches(follower, 2_500);
  const trained = await Scorer.load(out);
  expect((await follower.score(body)).scores).toEqual((await trained.score(body)).scores);
  await Promise.all([follower.close(), trained.close()]);
});

it("a run whose last changes cannot be published still saves its checkpoint, and followers get a snapshot from the next run", async () => {
  const out = temporary();
  const log = join(out, "deltas");
  const run = (limit: number) =>
    train({
      model: "features/ads-demo.yaml",
      data: "simulate:20000:7",
      out,
      resume: true,
      limit,
      checkpointSeconds: 0,
      publish: { urls: [log], everyMs: 1_000_000 },
      threads: 1,
    });
  await run(2_000);
  const follower = Scorer.follow(openFollow(log));
  await reaches(follower, 2_000);
  rmSync(log, { recursive: true });
  // The log's folder can be written when the run begins; its writer's mark, and so the entry after it, cannot.
  const epoch = Number(readFileSync(join(out, "epoch"), "utf8")) + 1_000_000_000;
  writeFileSync(join(out, "epoch"), `${epoch}`);
  mkdirSync(join(log, writerName(epoch + 1, 1)), { recursive: true });
  const failed = run(4_000);
  await expect(failed).rejects.toMatchObject({ code: "log_write", hint: expect.stringContaining("--resume") });
  await expect(failed).rejects.toThrow(/not published, but are saved in .*checkpoint-000000004000/);
  rmSync(log, { recursive: true });
  expect((await run(6_000)).examples_this_run).toBe(2_000);
  const [late, trained] = [Scorer.follow(openFollow(log)), await Scorer.load(out)];
  for (const scorer of [follower, late]) {
    await reaches(scorer, 6_000);
    expect((await scorer.score(body)).scores).toEqual((await trained.score(body)).scores);
  }
  await Promise.all([follower.close(), late.close(), trained.close()]);
});

it.each(["", "objects:"])(
  "a log that cannot be written (%sDIR) is noticed before anything is learned",
  async (scheme) => {
    const out = temporary();
    const log = join(out, "a-file");
    writeFileSync(log, "no folder");
    const publish = { urls: [`${scheme}${join(log, "deltas")}`], everyMs: 1_000_000 };
    const run = train({ model: "features/ads-demo.yaml", data: "simulate:2000:7", out: join(out, "run"), publish });
    await expect(run).rejects.toMatchObject({ code: "log_write", hint: expect.stringContaining("not a folder") });
    expect(readdirSync(join(out, "run")).filter((name) => name.startsWith("checkpoint-"))).toEqual([]);
  },
);
