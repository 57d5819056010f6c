import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { openCheckpoint } from "../../src/checkpoints/store.js";
import { encodingKinds } from "../../src/encodings/index.js";
import { specHash } from "../../src/spec/hash.js";
import { loadSpec } from "../../src/spec/parse.js";
import { digests, ended, run, start, temporary } from "../e2e/hashbrook.js";
import { until } from "../until.js";
import { describeKafka, type TestKafka } from "./harness.js";
import {
  everyEncoding,
  fourLanes,
  killed,
  LANES,
  laneLine,
  learnedBy,
  learnedByShares,
  reportOf,
  topicOf,
  WHOLE_ROUNDS,
} from "./lane-runs.js";
import { rows, waitForLog } from "./trainers.js";

/** Kills: each process once, the checkpoint writer twice; fifty in `npm run test:soak`. */
const KILLS = Number(process.env.HASHBROOK_KILLS ?? 4);

/** A single process, some with several lanes each, and one per lane; twice as many lanes in `npm run test:soak`. */
const PROCESSES = process.env.HASHBROOK_SEED ? [1, 2, 4, 8] : [1, 2, 4];

const line = (kafka: TestKafka, topic: string, out: string, ...more: string[]) =>
  laneLine(kafka, topic, out, fourLanes(), ...more);

async function learned(kafka: TestKafka, topic: string, ...more: string[]) {
  return learnedBy(fourLanes(), kafka, topic, ...more);
}

/** The command lines of a process's children, up to the program. */
function flagsOfChildren(pid: number): string[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
  return children.map((child) => readFileSync(`/proc/${child}/cmdline`, "utf8").split("main.js")[0]);
}

/** The command line of a run without an end. */
const endless = (args: string[]) => args.filter((word) => word !== "--until" && word !== "end");

/** Waits until a lane's partition has a record. */
async function hasRecord(kafka: TestKafka, rounds: string, lane: number): Promise<void> {
  const high = async () => (await kafka.admin.watermarks(rounds).catch(() => []))[lane]?.high ?? 0n;
  while ((await high()) === 0n) await sleep(50);
}

describeKafka("lanes of several processes", (kafka) => {
  it("give the bytes of a single process for any number of processes, with tables of every encoding", async () => {
    const model = everyEncoding(PROCESSES.at(-1)!);
    expect(new Set(loadSpec(model).tables.map(({ encoding }) => encoding))).toEqual(new Set(encodingKinds));
    const topic = await topicOf(kafka, 900, 10);
    const alone = await learnedBy(model, kafka, topic);
    expect(alone.report).toMatchObject({ examples: 900, skipped: 0, ended_by: "end" });
    for (const processes of PROCESSES) {
      const several =
        processes === 2
          ? await learnedBy(model, kafka, topic, "--processes", "2")
          : await learnedByShares(model, kafka, topic, { processes });
      expect(several.report.examples).toBe(900);
      expect(several.files).toEqual(alone.files);
    }
  }, 240_000);

  it(
    "give the same bytes when members, including the checkpoint writer, are killed repeatedly",
    async () => {
      const topic = await topicOf(kafka, KILLS * 750);
      const alone = await learned(kafka, topic);
      const out = temporary();
      const launcher = start(line(kafka, topic, out, "--processes", "3", "--takeover-ms", "300"));
      const end = ended(launcher);
      const isNext = (line: string[], before: number) => line.includes(`${before % 3}/3`);
      expect(await killed(launcher, end, { most: KILLS, everyMs: 350, isNext })).toBeGreaterThan(2);
      expect(await end).toMatchObject({ status: 0 });
      expect(digests(out)).toEqual(alone.files);
    },
    Math.max(180_000, KILLS * 20_000),
  );

  it("learn the same bytes where a process dies, or stands still and wakes at the end, and nobody replaces it", async () => {
    const topic = await topicOf(kafka, 6000);
    const alone = await learned(kafka, topic);
    for (const signal of ["SIGKILL", "SIGSTOP"] as const) {
      const out = temporary();
      const rounds = `${topic}.${signal}`;
      const member = (k: number, takeoverMs: string) => {
        const share = ["--lane", `${k}/2`, "--rounds-topic", rounds, "--takeover-ms", takeoverMs];
        return start(line(kafka, topic, out, ...share));
      };
      const lost = member(1, "600000");
      const lostEnd = ended(lost);
      await hasRecord(kafka, rounds, 1);
      const survivor = member(0, "1000");
      const end = ended(survivor);
      await hasRecord(kafka, rounds, 0);
      lost.kill(signal);
      const outcome = await end;
      expect(outcome, outcome.stderr).toMatchObject({ status: 0 });
      expect(digests(out)).toEqual(alone.files);
      lost.kill("SIGCONT");
      const woken = await lostEnd;
      expect(woken.status, woken.stderr).toBe(signal === "SIGKILL" ? null : 0);
      expect(digests(out)).toEqual(alone.files);
    }
  }, 120_000);

  it("give the same bytes when every process computes every lane, in bf16: the first record of a lane and round counts", async () => {
    const topic = await topicOf(kafka, 1500);
    const model = fourLanes(`${WHOLE_ROUNDS}, gradients: bf16`);
    const alone = await learnedBy(model, kafka, topic);
    const together = await learnedByShares(model, kafka, topic, { processes: 2, takeoverMs: 0 });
    expect(together.files).toEqual(alone.files);
  }, 180_000);

  it("detect within a round that a process has different weights, and fail", async () => {
    const topic = await topicOf(kafka, 3000);
    const out = temporary();
    const rounds = `${topic}.rounds`;
    const member = (k: number, ...node: string[]) => {
      // One that starts late is waited for: its lanes are not taken over.
      const share = ["--lane", `${k}/2`, "--rounds-topic", rounds, "--takeover-ms", "600000"];
      const args = line(kafka, topic, out, ...share);
      return ended(
        spawn(process.execPath, [...node, "dist/cli/main.js", ...args], { stdio: ["ignore", "pipe", "pipe"] }),
      );
    };
    const outcomes = await Promise.all([member(0), member(1, "--import", "./test/kafka/flip.mjs")]);
    for (const { status, stderr } of outcomes) {
      expect(stderr).toMatch(/lanes_diverged|round 5: lane/);
      expect(status).toBe(4);
    }
  }, 180_000);

  it("do not compute lanes whose records are in the log: a late process only folds", async () => {
    const topic = await topicOf(kafka, 1500);
    const rounds = `${topic}.rounds`;
    const member = async (share: string) => {
      const outcome = await run(
        line(kafka, topic, temporary(), "--lane", share, "--rounds-topic", rounds, "--takeover-ms", "0"),
      );
      expect(outcome, outcome.stderr).toMatchObject({ status: 0 });
      return kafka.admin.watermarks(rounds);
    };
    const marks = await member("0/1");
    expect(marks.every(({ high }) => high > 5n)).toBe(true);
    expect(await member("1/2")).toEqual(marks);
  }, 120_000);

  it("learn new events when a finished run is resumed", async () => {
    const topic = await topicOf(kafka, 600);
    const out = temporary();
    const args = laneLine(kafka, topic, out, fourLanes(WHOLE_ROUNDS), "--processes", "2");
    expect(reportOf(await ended(start(args)))).toMatchObject({ examples: 600, ended_by: "end" });
    await kafka.produce(
      topic,
      (await rows(300, 9)).map((value, i) => ({ value, partition: i % 6 })),
    );
    const outcome = await ended(start([...args, "--resume"]));
    expect(reportOf(outcome)).toMatchObject({ examples: 900, ended_by: "end" });
  }, 120_000);

  it("fail if the rounds belong to a run without an end or are incomplete, and detect a recreated topic", async () => {
    const topic = await topicOf(kafka, 300);
    const out = temporary();
    const [rounds, others] = [`${topic}.rounds`, `${topic}.others`];
    const member = (name: string, ...more: string[]) =>
      run(line(kafka, topic, out, "--lane", "0/1", "--rounds-topic", name, ...more));
    await kafka.admin.createTopic(rounds, LANES);
    const plan = `{"spec_hash":"${specHash(loadSpec(fourLanes()))}","offsets":["0","0","0","0","0","0"],"stops":null}`;
    await kafka.produce(rounds, [{ value: plan, partition: 0 }]);
    const mixed = await member(rounds);
    expect(mixed.stderr).toContain("has no end, but --until is given");
    expect(mixed.status).toBe(5);
    await kafka.deleteBefore(rounds, 0, 1n);
    const trimmed = await member(rounds, "--resume");
    expect(trimmed.stderr).toContain("its first 1 messages have been deleted");
    expect(trimmed.status).toBe(3);
    expect(await member(others, "--resume")).toMatchObject({ status: 0 });
    await kafka.deleteTopic(topic);
    await kafka.admin.createTopic(topic, 6);
    const again = await member(others, "--resume");
    expect(again.stderr).toContain("was deleted and recreated");
    expect(again.status).toBe(3);
  }, 180_000);

  it("read partitions that were added to the topic, from the next rounds topic on: a restart did not fail", async () => {
    const topic = await kafka.topic(4);
    const send = async (count: number, partitions: number) =>
      kafka.produce(
        topic,
        (await rows(count)).map((value, i) => ({ value, partition: i % partitions })),
      );
    await send(400, 4);
    const [alone, several, rounds] = [temporary(), temporary(), `${topic}.rounds`];
    const examples = async (out: string, ...more: string[]) => {
      const args = line(kafka, topic, out, "--resume", ...more);
      return reportOf(await (more.includes("--processes") ? ended(start(args)) : run(args))).examples;
    };
    const member = ["--lane", "0/1", "--rounds-topic", rounds];
    expect([await examples(alone), await examples(several, ...member)]).toEqual([400, 400]);
    await kafka.addPartitions(topic, 6);
    await send(600, 6);
    expect(await examples(several, ...member)).toBe(400);
    expect([await examples(alone), await examples(several, "--processes", "2")]).toEqual([1000, 1000]);
    expect(digests(several)).toEqual(digests(alone));
  }, 120_000);

  it("begin with short rounds, except in a run that began with whole ones", async () => {
    const topic = await kafka.topic(LANES);
    const events = await rows(600);
    await kafka.produce(
      topic,
      events.map((value, i) => ({ value, partition: i % LANES })),
    );
    const roundsOf = async (name: string) => {
      const out = temporary();
      const outcome = await run(line(kafka, topic, out, "--lane", "0/1", "--rounds-topic", name));
      expect(reportOf(outcome)).toMatchObject({ examples: 600, ended_by: "end" });
      return (openCheckpoint(out).checkpoint.meta as { position: { round: number } }).position.round;
    };
    const [grown, whole] = [`${topic}.grown`, `${topic}.whole`];
    await kafka.admin.createTopic(whole, LANES);
    const [offsets, stops] = [0, 150].map((at) => JSON.stringify(Array(LANES).fill(`${at}`)));
    const plan = `{"spec_hash":"${specHash(loadSpec(fourLanes()))}","offsets":${offsets},"stops":${stops}}`;
    await kafka.produce(whole, [{ value: plan, partition: 0 }]);
    expect(await roundsOf(whole)).toBe(3);
    expect(await roundsOf(grown)).toBe(20);
  }, 120_000);

  it("continue when a lane is silent, and save what they learned although nothing more arrives", async () => {
    const topic = await kafka.topic(LANES);
    const events = await rows(600);
    const out = temporary();
    const times = ["--linger-ms", "30", "--checkpoint-seconds", "2"];
    const line = laneLine(kafka, topic, out, fourLanes(WHOLE_ROUNDS), "--processes", "2", ...times);
    // Its `--import` kills nobody.
    const launcher = start(endless(line), "0 before");
    const all = waitForLog(launcher, /"examples":600,.*"unsaved":0,/);
    const end = ended(launcher);
    await waitForLog(launcher, /"ready":true/);
    // The launcher's flags.
    expect(flagsOfChildren(launcher.pid!)).toEqual([
      expect.stringContaining("kill-at"),
      expect.stringContaining("kill-at"),
    ]);
    await kafka.produce(
      topic,
      events.map((value, i) => ({ value, partition: i % (LANES - 1) })),
    );
    await all;
    expect(openCheckpoint(out).checkpoint.examples).toBe(600);
    launcher.kill("SIGTERM");
    const outcome = await end;
    expect(reportOf(outcome)).toMatchObject({ examples: 600, ended_by: "stopped" });
  }, 120_000);

  it("stop with a checkpoint when their launcher is killed: they went on, and kept the directory from its successor", async () => {
    const topic = await kafka.topic(LANES);
    const out = temporary();
    const line = laneLine(kafka, topic, out, fourLanes(WHOLE_ROUNDS), "--processes", "2", "--linger-ms", "30");
    const launcher = start(endless(line), "0 before");
    const all = waitForLog(launcher, /"examples":200,/);
    await waitForLog(launcher, /"ready":true/);
    await kafka.produce(
      topic,
      (await rows(200)).map((value, i) => ({ value, partition: i % LANES })),
    );
    await all;
    launcher.kill("SIGKILL");
    await until(() => !readdirSync(out).some((name) => name.startsWith("writer-")));
    expect(openCheckpoint(out).checkpoint.examples).toBe(200);
  }, 60_000);

  it("go on without an end where a process is gone and its lane alone has events", async () => {
    const topic = await kafka.topic(LANES);
    const times = ["--linger-ms", "30", "--takeover-ms", "300", "--rounds-topic", `${topic}.rounds`];
    const [survivor, lost] = [0, 1].map((k) => {
      const share = ["--lane", `${k}/2`, ...times];
      return start(endless(laneLine(kafka, topic, temporary(), fourLanes(WHOLE_ROUNDS), ...share)));
    });
    const end = ended(survivor);
    const reached = (examples: number) => waitForLog(survivor, new RegExp(`"examples":${examples},`));
    const send = async (count: number, partition: number) => {
      await kafka.produce(
        topic,
        (await rows(count)).map((value) => ({ value, partition })),
      );
    };
    const first = reached(50);
    await waitForLog(survivor, /"ready":true/);
    await send(50, 1);
    await first;
    const all = reached(80);
    lost.kill("SIGKILL");
    await send(30, 3);
    await all;
    survivor.kill("SIGTERM");
    expect(reportOf(await end)).toMatchObject({ examples: 80, ended_by: "stopped" });
  }, 120_000);
});
