import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { openCheckpoint } from "../../src/checkpoints/store.js";
import { openFollow } from "../../src/delta-log/open.js";
import { loadModel } from "../../src/model/load.js";
import { Scorer } from "../../src/serve/scorer.js";
import { KafkaProducer } from "../../src/sources/kafka/producer.js";
import { digests, ended, report, run, start, temporary } from "../e2e/hashbrook.js";
import { until } from "../until.js";
import { describeKafka, type TestKafka } from "./harness.js";
import { DEEP_CROSSING, LR, NO_CHECKPOINTS, rows, training, waitForLog } from "./trainers.js";

const resuming = (kafka: TestKafka, topic: string, out: string) => [
  ...training(kafka, topic, out, { model: DEEP_CROSSING }),
  "--resume",
];
const flags = (...of: Parameters<typeof resuming>) => [...resuming(...of), ...NO_CHECKPOINTS];

/** A trainer that learned and published 3,000 events as they arrived, and was killed with only its first checkpoint. */
async function killedAfterPublishing(kafka: TestKafka) {
  const [topic, out] = [await kafka.topic(2, { "retention.ms": "-1" }), temporary()];
  const log = join(out, "deltas");
  const args = [...flags(kafka, topic, out), "--publish", log, "--publish-ms", "30", "--linger-ms", "10"];
  const events = await rows(3000);
  const child = start([...args, "--json"]);
  const learned = waitForLog(child, /"examples":3000,/);
  const producer = await KafkaProducer.open(kafka.options, topic);
  await waitForLog(child, /"ready":true/);
  for (let from = 0; from < 3000; from += 150) {
    await producer.send(events.slice(from, from + 150).map((value, i) => ({ value, partition: i % 7 === 0 ? 0 : 1 })));
    await sleep(40);
  }
  await producer.close();
  await learned;
  const exit = ended(child);
  const follower = Scorer.follow(openFollow(log));
  await reaches(follower, 3000);
  await follower.close();
  child.kill("SIGKILL");
  await exit;
  return { topic, out, log, args: [...args, "--until", "end"] };
}

/** Whether a run's newest checkpoint has a position in the topic. It may be replaced while it is read. */
function isPlaced(out: string): boolean {
  try {
    return openCheckpoint(out).checkpoint.meta.position !== null;
  } catch {
    return false;
  }
}

const reaches = (follower: Scorer, version: number) =>
  until(
    () => follower.version?.version === version,
    () => follower.health(),
  );

/** Asserts that a new follower scores like the checkpoint, bit for bit. */
async function followerEquals(log: string, out: string): Promise<void> {
  const [follower, trained] = [Scorer.follow(openFollow(log)), await Scorer.load(out)];
  await reaches(follower, trained.version!.version);
  const candidates = Array.from({ length: 400 }, (_, i) => ({ ad: `a${i}`, campaign: `c${i % 40}` }));
  const body = Buffer.from(JSON.stringify({ context: { user: "u1", site: "s1" }, candidates }));
  expect((await follower.score(body)).scores).toEqual((await trained.score(body)).scores);
  await Promise.all([follower.close(), trained.close()]);
}

describeKafka("a trainer that was killed", (kafka) => {
  it("resumes where its run began, not at the current end, if it began at the latest message and learned nothing", async () => {
    const [topic, out] = [await kafka.topic(2), temporary()];
    const events = (await rows(60)).map((value) => ({ value }));
    await kafka.produce(topic, events.slice(0, 10));
    const args = [...flags(kafka, topic, out), "--from", "latest"];
    const child = start([...args, "--json"]);
    const exit = ended(child);
    while (!isPlaced(out)) await sleep(20);
    child.kill("SIGKILL");
    await exit;
    await kafka.produce(topic, events.slice(10));
    expect((await report([...args, "--until", "end"])).examples).toBe(50);
  });

  it("gives the calibrator the same bytes as a trainer that was not killed", async () => {
    const [topic, folder] = [await kafka.topic(2), temporary()];
    const model = join(folder, "calibrated.yaml");
    writeFileSync(model, `${readFileSync(LR, "utf8")}calibration: { by: device, slices: 3 }\n`);
    const events = await rows(3000);
    await kafka.produce(
      topic,
      events.map((value, i) => ({ value: i === 5 ? "malformed" : value, partition: i % 2 })),
    );
    const every = ["--checkpoint-seconds", "0", "--checkpoint-every", "512"];
    const args = (out: string) => [...training(kafka, topic, out, { model, group: out }), ...every, "--resume"];
    const [whole, killed] = [join(folder, "whole"), join(folder, "killed")];
    const { examples } = await report([...args(whole), "--until", "end"]);
    expect(examples).toBe(2999);
    const child = start([...args(killed), "--until", "end"], "20 after");
    await ended(child);
    expect(child.signalCode).toBe("SIGKILL");
    const resumed = await report([...args(killed), "--until", "end"]);
    expect(resumed.examples_this_run).toBeLessThan(2999);
    expect(digests(killed)).toEqual(digests(whole));
    const { calibrator } = (await loadModel(killed, { capacity: 8, threads: 1 })).model;
    expect(calibrator?.report().map(({ events }) => events > 0)).toEqual([true, true, true, true]);
  });

  it("commits the offsets of its checkpoints also on an idle topic and at its end", async () => {
    const [topic, out] = [await kafka.topic(1), temporary()];
    await kafka.produce(
      topic,
      (await rows(20)).map((value) => ({ value })),
    );
    await report([...flags(kafka, topic, out), "--until", "end"]);
    expect(await kafka.admin.committed(topic, topic)).toEqual([20n]);
    const child = start([...resuming(kafka, topic, out), "--checkpoint-seconds", "1", "--json"]);
    await waitForLog(child, /"ready":true/);
    await kafka.produce(
      topic,
      (await rows(30)).map((value) => ({ value })),
    );
    await expect.poll(() => kafka.admin.committed(topic, topic)).toEqual([50n]);
    child.kill("SIGKILL");
  });

  it("does not wait forever for messages that it learned earlier and retention has deleted since", async () => {
    const { topic, args, log, out } = await killedAfterPublishing(kafka);
    await kafka.deleteBefore(topic, 1, 1200n);
    expect(await run(args)).toMatchObject({ status: 3, stderr: expect.stringContaining("offset 0 no longer exists") });
    const { examples } = await report([...args, "--on-lost-offsets", "earliest"]);
    expect(examples).toBe(3000 - 1200);
    await followerEquals(log, out);
  });

  it("republishes entries from before partitions were added without those partitions: followers see no contradiction", async () => {
    const { topic, args, log, out } = await killedAfterPublishing(kafka);
    const follower = Scorer.follow(openFollow(log));
    await reaches(follower, 3000);
    await kafka.addPartitions(topic, 3);
    await kafka.produce(
      topic,
      (await rows(100, 4)).map((value) => ({ value, partition: 2 })),
    );
    expect((await report(args)).examples).toBe(3100);
    await reaches(follower, 3100);
    expect(follower.health().replica).toMatchObject({ version: 3100, conflicts: 0, gaps: 0, resyncs: 0 });
    await follower.close();
    await followerEquals(log, out);
  });

  it("can be stopped while it republishes: what it learned until then is published, too", async () => {
    const { args, log, out } = await killedAfterPublishing(kafka);
    expect(await report([...args, "--limit", "1030"])).toMatchObject({ examples: 1030, ended_by: "limit" });
    await followerEquals(log, out);
    expect((await report(args)).examples).toBe(3000);
    await followerEquals(log, out);
  });
});

describeKafka("a topic that is given partitions while it is learned", (kafka) => {
  it("is warned about, and is read whole after --resume", async () => {
    const [topic, out] = [await kafka.topic(1), temporary()];
    const events = (await rows(200)).map((value, i) => ({ value, partition: i % 2 }));
    const child = start([...resuming(kafka, topic, out), "--json"]);
    const exit = ended(child);
    const learned = waitForLog(child, /"examples":100,/);
    const warned = waitForLog(child, new RegExp(`warning: topic ${topic}: 1 partition was added .*\n.*--resume`));
    await kafka.produce(
      topic,
      events.filter(({ partition }) => partition === 0),
    );
    await learned;
    await kafka.addPartitions(topic, 2);
    await kafka.produce(
      topic,
      events.filter(({ partition }) => partition === 1),
    );
    await warned;
    child.kill("SIGTERM");
    expect((await exit).status).toBe(0);
    expect((await report([...resuming(kafka, topic, out), "--until", "end"])).examples).toBe(200);
  });
});
