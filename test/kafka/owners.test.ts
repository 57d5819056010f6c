import { spawn } from "node:child_process";
import { expect, it } from "vitest";
import { openCheckpoint } from "../../src/checkpoints/store.js";
import type { Report } from "../../src/train/metrics/report.js";
import { digests, ended, start, temporary } from "../e2e/hashbrook.js";
import { describeKafka } from "./harness.js";
import {
  childrenOf,
  killed,
  laneLine,
  learnedBy,
  learnedByShares,
  reportOf,
  splitTables,
  topicOf,
  WHOLE_ROUNDS,
} from "./lane-runs.js";
import { waitForLog } from "./trainers.js";

/** Each owner and each process of lanes once; fifty in `npm run test:soak`. */
const KILLS = Number(process.env.HASHBROOK_KILLS ?? 4);

/** Processes and owners, by the precision of gradients; all with each in `npm run test:soak`. Two and two are below, in f32, as processes. */
const ALL = [
  { processes: 1, owners: 1 },
  { processes: 2, owners: 2 },
  { processes: 2, owners: 4 },
];
const SHARES: readonly [string, typeof ALL][] = process.env.HASHBROOK_SEED
  ? [
      ["", ALL],
      [", gradients: bf16", ALL],
    ]
  : [
      ["", [ALL[0]]],
      [", gradients: bf16", [ALL[2]]],
    ];

const sizesOf = ({ tables }: Report) => tables.map(({ name, rows, bytes }) => ({ name, rows, bytes }));

describeKafka("owners of shards", (kafka) => {
  it("and lanes give the bytes of a single process, for any number of either", async () => {
    const topic = await topicOf(kafka, 800);
    for (const [more, some] of SHARES) {
      const model = splitTables(`${WHOLE_ROUNDS}${more}`);
      const alone = await learnedBy(model, kafka, topic);
      expect(alone.report).toMatchObject({ examples: 800, skipped: 0, ended_by: "end" });
      expect(Object.keys(alone.files).join("\n")).toContain("/table-user.4.safetensors");
      for (const shares of some) {
        const several = await learnedByShares(model, kafka, topic, shares);
        expect(sizesOf(several.report)).toEqual(sizesOf(alone.report));
        expect(several.files).toEqual(alone.files);
      }
    }
  }, 600_000);

  it("write a checkpoint at Ctrl-C, which reaches the whole process group, and resume with another number of owners", async () => {
    const topic = await topicOf(kafka, 8000);
    const model = splitTables(WHOLE_ROUNDS);
    const alone = await learnedBy(model, kafka, topic);
    const out = temporary();
    const args = laneLine(kafka, topic, out, model, "--processes", "2");
    const options = { stdio: ["ignore", "pipe", "pipe"] as ["ignore", "pipe", "pipe"], detached: true };
    const launcher = spawn(process.execPath, ["dist/cli/main.js", ...args, "--owners", "2"], options);
    const end = ended(launcher);
    await waitForLog(launcher, /"examples":[1-9]/);
    process.kill(-launcher.pid!, "SIGINT");
    const stopped = await end;
    expect(stopped, stopped.stderr).toMatchObject({ status: 0 });
    expect(reportOf(stopped).ended_by).toBe("stopped");
    expect(reportOf(stopped).examples).toBeLessThan(8000);
    const resumed = await ended(start([...args, "--owners", "3", "--resume"]));
    expect(resumed, resumed.stderr).toMatchObject({ status: 0 });
    expect(digests(out)).toEqual(alone.files);
  }, 240_000);

  it("answer the lanes until these have stopped with a checkpoint, when their launcher is killed: there was none", async () => {
    const topic = await topicOf(kafka, 8000);
    const model = splitTables(WHOLE_ROUNDS);
    const out = temporary();
    const line = laneLine(kafka, topic, out, model, "--processes", "2", "--owners", "2", "--checkpoint-seconds", "600");
    const launcher = start(line);
    const end = ended(launcher);
    await waitForLog(launcher, /"examples":[1-9]/);
    launcher.kill("SIGKILL");
    // The first process writes into the launcher's output.
    const { stdout, stderr } = await end;
    expect(reportOf({ stdout }), stderr).toMatchObject({ ended_by: "stopped" });
    expect(openCheckpoint(out).checkpoint.examples).toBe(reportOf({ stdout }).examples);
  }, 120_000);

  it("and lanes stop with a checkpoint when all get SIGTERM at once, as systemd sends it: there was none", async () => {
    const topic = await topicOf(kafka, 8000);
    const out = temporary();
    const shares = ["--processes", "2", "--owners", "2", "--checkpoint-seconds", "600"];
    const launcher = start(laneLine(kafka, topic, out, splitTables(WHOLE_ROUNDS), ...shares));
    const end = ended(launcher);
    await waitForLog(launcher, /"examples":[1-9]/);
    for (const pid of [launcher.pid!, ...childrenOf(launcher.pid!)]) process.kill(pid, "SIGTERM");
    const stopped = await end;
    expect(stopped, stopped.stderr).toMatchObject({ status: 0 });
    expect(openCheckpoint(out).checkpoint.examples).toBe(reportOf(stopped).examples);
  }, 120_000);

  it("detect before folding the next round that a row was corrupted, and stop all processes", async () => {
    const topic = await topicOf(kafka, 1500);
    const args = laneLine(kafka, topic, temporary(), splitTables(), "--processes", "1", "--owners", "2");
    const env = { ...process.env, NODE_OPTIONS: "--import ./test/kafka/flip-row.mjs" };
    const { status, stderr } = await ended(
      spawn(process.execPath, ["dist/cli/main.js", ...args], { stdio: ["ignore", "pipe", "pipe"], env }),
    );
    expect(stderr).toMatch(/lanes_diverged|round 5: the rows of owner 1\/2 differ from those it computed/);
    expect(status).toBe(4);
  }, 120_000);

  it(
    "give the same bytes when owners and lanes are killed repeatedly",
    async () => {
      const topic = await topicOf(kafka, KILLS * 300);
      const model = splitTables();
      const alone = await learnedBy(model, kafka, topic);
      const out = temporary();
      const shares = ["--processes", "2", "--owners", "2", "--takeover-ms", "300", "--checkpoint-every", "600"];
      const launcher = start(laneLine(kafka, topic, out, model, ...shares));
      const end = ended(launcher);
      const roles = ["--owner\n0/2", "--lane\n1/2", "--owner\n1/2", "--lane\n0/2"];
      const isNext = (line: string[], before: number) => line.join("\n").includes(roles[before % roles.length]);
      expect(await killed(launcher, end, { most: KILLS, everyMs: 400, isNext })).toBe(KILLS);
      const outcome = await end;
      expect(outcome, outcome.stderr).toMatchObject({ status: 0 });
      expect(digests(out)).toEqual(alone.files);
    },
    Math.max(240_000, KILLS * 20_000),
  );
});
