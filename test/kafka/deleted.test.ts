import { expect, it } from "vitest";
import { openFollow } from "../../src/delta-log/open.js";
import { Scorer } from "../../src/serve/scorer.js";
import { digests, ended, report, run, start, temporary } from "../e2e/hashbrook.js";
import { until } from "../until.js";
import { describeKafka } from "./harness.js";
import { DEEP_CROSSING, rows, training, waitForLog } from "./trainers.js";

const body = Buffer.from(JSON.stringify({ candidates: [{ ad: "a1", campaign: "c1", user: "u1", site: "s1" }] }));

/** Waits until a follower serves a version. */
const reaches = (follower: Scorer, version: number) =>
  until(
    () => follower.version?.version === version,
    () => follower.health(),
  );

describeKafka("a delta topic that is deleted under a running trainer", (kafka) => {
  it("is reported and recreated with a snapshot; training continues, and old and new followers end with the trainer's model", async () => {
    const [topic, deltas, out] = [
      await kafka.topic(1),
      await kafka.topic(1, { "cleanup.policy": "compact" }),
      temporary(),
    ];
    const log = `kafka://${kafka.brokers}/${deltas}`;
    const child = start([
      ...training(kafka, topic, out, { model: DEEP_CROSSING }),
      ...["--resume", "--publish", log, "--publish-ms", "100", "--json"],
    ]);
    const exit = ended(child);
    const events = (await rows(3_000)).map((value) => ({ value }));
    const learned = (count: number) => waitForLog(child, new RegExp(`"examples":${count},`));
    const first = learned(1_000);
    await kafka.produce(topic, events.slice(0, 1_000));
    await first;
    const follower = Scorer.follow(openFollow(log));
    await reaches(follower, 1_000);
    const recreated = waitForLog(child, new RegExp(`delta log: topic ${deltas} was deleted`));
    const second = learned(2_000);
    await kafka.deleteTopic(deltas);
    await kafka.produce(topic, events.slice(1_000, 2_000));
    await Promise.all([recreated, second]);
    await reaches(follower, 2_000);
    const third = learned(3_000);
    await kafka.produce(topic, events.slice(2_000));
    await third;
    child.kill("SIGTERM");
    expect((await exit).status).toBe(0);
    const [late, trained] = [Scorer.follow(openFollow(log)), await Scorer.load(out)];
    for (const scorer of [follower, late]) {
      await reaches(scorer, 3_000);
      expect((await scorer.score(body)).scores).toEqual((await trained.score(body)).scores);
    }
    await Promise.all([follower.close(), late.close(), trained.close()]);
  }, 180_000);
});

describeKafka("a topic of events that is deleted under a running trainer", (kafka) => {
  it("ends the run, which saves and publishes what it has learned", async () => {
    const [topic, deltas, out] = [await kafka.topic(1), await kafka.topic(1), temporary()];
    const child = start([
      ...training(kafka, topic, out),
      ...["--resume", "--checkpoint-seconds", "0", "--json"],
      ...["--publish", `kafka://${kafka.brokers}/${deltas}`, "--publish-ms", "60000"],
    ]);
    const exit = ended(child);
    const learned = waitForLog(child, /"examples":1000,/);
    await kafka.produce(
      topic,
      (await rows(1_000)).map((value) => ({ value })),
    );
    await learned;
    await kafka.deleteTopic(topic);
    const { status, stdout, stderr } = await exit;
    expect([status, stderr]).toEqual([8, expect.stringContaining(topic)]);
    expect(JSON.parse(stdout).error).toMatchObject({
      code: "kafka_topic_missing",
      hint: expect.stringMatching(/progress up to that point is saved in .*checkpoint-0+1000: continue with --resume/),
    });
    const [saved, follower] = [await Scorer.load(out), Scorer.follow(openFollow(`kafka://${kafka.brokers}/${deltas}`))];
    expect(saved.version?.version).toBe(1_000);
    await reaches(follower, 1_000);
    expect((await follower.score(body)).scores).toEqual((await saved.score(body)).scores);
    await Promise.all([saved.close(), follower.close()]);
  }, 120_000);
});

describeKafka("a topic of events that is deleted and recreated under its name", (kafka) => {
  it("is not read, though it is longer than what was learned; messages deleted by retention cannot be compared and are no error", async () => {
    const [topic, out] = [await kafka.topic(2), temporary()];
    const events = await rows(300);
    const produce = (from: number, to: number, partition: number) =>
      kafka.produce(
        topic,
        events.slice(from, to).map((value) => ({ value, partition })),
      );
    await produce(0, 40, 0);
    await produce(40, 60, 1);
    const args = [...training(kafka, topic, out, { model: DEEP_CROSSING }), ...["--resume", "--until", "end"]];
    expect((await report(args)).examples).toBe(60);
    // All learned messages are deleted, and partition 1 has no new ones.
    await produce(60, 70, 0);
    await kafka.deleteBefore(topic, 0, 40n);
    await kafka.deleteBefore(topic, 1, 20n);
    expect((await report(args)).examples).toBe(70);
    const before = digests(out);
    await kafka.deleteTopic(topic);
    await kafka.admin.createTopic(topic, 2);
    await produce(100, 200, 0);
    await produce(200, 300, 1);
    const { status, stderr } = await run([...args, "--on-lost-offsets", "earliest"]);
    expect([status, stderr]).toEqual([
      3,
      expect.stringContaining(`topic ${topic}: was deleted and recreated: its id is`),
    ]);
    expect(stderr).toContain("another --out");
    expect(digests(out)).toEqual(before);
  });
});

describeKafka("a dead-letter topic that is deleted under a running trainer", (kafka) => {
  it("ends the run with its name and a hint; once it is recreated, every reject is in it and every event is learned once", async () => {
    const [topic, letters, out] = [await kafka.topic(1), await kafka.topic(1), temporary()];
    const args = [...training(kafka, topic, out), ...["--resume", "--dead-letter-topic", letters]];
    const child = start([...args, "--json"]);
    const exit = ended(child);
    const events = (await rows(1_500)).map((value) => ({ value }));
    const learned = waitForLog(child, /"examples":1000,/);
    await kafka.produce(topic, events.slice(0, 1_000));
    await learned;
    await kafka.deleteTopic(letters);
    const malformed = Array.from({ length: 10 }, (_, i) => ({ value: `malformed ${i}` }));
    await kafka.produce(topic, [...events.slice(1_000, 1_200), ...malformed, ...events.slice(1_200)]);
    const { status, stdout } = await exit;
    expect(status).toBe(8);
    expect(JSON.parse(stdout).error).toMatchObject({
      code: "kafka_topic_missing",
      message: expect.stringContaining(letters),
      hint: expect.stringMatching(/--dead-letter-topic was deleted: create it again, then continue with --resume/),
    });
    await kafka.admin.createTopic(letters, 1);
    expect(await report([...args, "--until", "end"])).toMatchObject({ examples: 1_500, rejected: 10 });
    const kept = (await kafka.read(letters)).map(({ value }) => value.toString());
    expect([...new Set(kept)].sort()).toEqual(malformed.map(({ value }) => value));
  }, 120_000);
});
