import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { createKafka } from "../../src/sources/kafka/client.js";
import { KafkaLog } from "../../src/sources/kafka/kafka-log.js";
import { digests, ended, report, run, start, temporary } from "../e2e/hashbrook.js";
import { describeKafka, type TestKafka } from "./harness.js";
import { LR, rows, said, training } from "./trainers.js";

const groupless = (kafka: TestKafka, topic: string, out: string) => training(kafka, topic, out, { group: "none" });

async function topicOf(kafka: TestKafka, events: readonly string[], partitions: number): Promise<string> {
  const topic = await kafka.topic(partitions);
  await kafka.produce(
    topic,
    events.map((value, i) => ({ value, partition: i % partitions })),
    "gzip",
  );
  return topic;
}

describeKafka("a trainer without a consumer group", (kafka) => {
  it("learns what one with a group learns, byte for byte, and leaves the brokers no group", async () => {
    const topic = await topicOf(kafka, await rows(3_000), 3);
    const [out, other] = [temporary(), temporary()];
    await report([...groupless(kafka, topic, out), "--until", "end"]);
    await report([...training(kafka, topic, other), "--until", "end"]);
    expect(digests(out)).toEqual(digests(other));
    const admin = createKafka(kafka.options).kafka.admin();
    await admin.connect();
    const groups = (await admin.listGroups()).groups.map(({ groupId }) => groupId);
    await admin.disconnect();
    expect(groups).toContain(topic);
    expect(groups.filter((group) => /^(none|hashbrook|null)$/.test(group))).toEqual([]);
  });

  it("goes on where its checkpoint was taken, killed or not, and follows what is written", async () => {
    const events = await rows(3_000);
    const topic = await topicOf(kafka, events.slice(0, 1_000), 2);
    const out = temporary();
    const args = [...groupless(kafka, topic, out), "--resume", "--checkpoint-every", "500", "--json"];
    const child = start(args);
    const life = ended(child);
    await said(child, /"examples":1000,/);
    const more = said(child, /"examples":2000,/);
    await kafka.produce(
      topic,
      events.slice(1_000, 2_000).map((value, i) => ({ value, partition: i % 2 })),
    );
    await more;
    child.kill("SIGKILL");
    await life;
    await kafka.produce(
      topic,
      events.slice(2_000).map((value, i) => ({ value, partition: i % 2 })),
    );
    expect(await report([...args, "--until", "end"])).toMatchObject({ examples: 3_000 });
    const { stdout } = await run(["lag", "--kafka", kafka.brokers, "--topic", topic, "--checkpoint", out, "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ topic, lag: 0, lost: 0 });
  });

  it("refuses a directory that another one learns in", async () => {
    const topic = await topicOf(kafka, await rows(100), 1);
    const out = temporary();
    const child = start([...groupless(kafka, topic, out), "--json"]);
    const life = ended(child);
    await said(child, /"examples":100,/);
    expect((await run([...groupless(kafka, topic, out), "--resume"])).status).toBe(5);
    child.kill("SIGTERM");
    expect((await life).status).toBe(0);
  });

  it("names a topic that is not there, and ends where its topic is deleted", async () => {
    const missing = await run(groupless(kafka, "no-such-topic", temporary()));
    expect([missing.status, missing.stderr]).toEqual([8, expect.stringContaining("no-such-topic")]);
    const topic = await topicOf(kafka, await rows(100), 1);
    const child = start([...groupless(kafka, topic, temporary()), "--json"]);
    const life = ended(child);
    await said(child, /"examples":100,/);
    await kafka.deleteTopic(topic);
    const { status, stderr } = await life;
    expect([status, stderr]).toEqual([8, expect.stringContaining(topic)]);
  });
});

describeKafka("a topic that was deleted and made anew, longer than before", (kafka) => {
  const anew = async (topic: string, events: readonly string[]) => {
    await kafka.deleteTopic(topic);
    await kafka.admin.createTopic(topic, 1);
    await kafka.produce(
      topic,
      events.map((value) => ({ value })),
    );
  };

  it.each(["none", "a-group"])(
    "is refused by its id, where even its messages are the same (group %s)",
    async (group) => {
      const events = await rows(300);
      const topic = await topicOf(kafka, events.slice(0, 100), 1);
      const args = [...training(kafka, topic, temporary(), { model: LR, group }), "--until", "end", "--resume"];
      await report(args);
      await anew(topic, events);
      const { status, stderr } = await run(args);
      expect(stderr).toMatch(/topic_replaced|deleted and made anew/);
      expect(status).toBe(3);
    },
  );

  it("is known by its last message where the checkpoint has no id", async () => {
    const topic = await topicOf(kafka, await rows(50), 1);
    const membership = { id: null, named: () => {} };
    const log = await KafkaLog.join({ kafka: kafka.options, topic, group: null, onLost: "stop", membership });
    log.begin(await log.watermarks(), [50n], [{ offset: "49", xxh64: "0123456789abcdef" }]);
    const waiting = (async () => {
      for (let i = 0; i < 100; i++) await log.wait(100);
    })();
    await expect(waiting).rejects.toMatchObject({
      code: "topic_replaced",
      message: expect.stringContaining("partition 0: offset 49 is another message"),
    });
    await log.close();
  });

  it("is noticed while it is read", async () => {
    const events = await rows(50);
    const topic = await topicOf(kafka, events, 1);
    const membership = { id: null, named: () => {} };
    const log = await KafkaLog.join({ kafka: kafka.options, topic, group: null, onLost: "stop", membership });
    const { id } = log;
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    // Nothing is read, as where a request is not answered for a while.
    await anew(topic, events);
    await expect(
      (async () => {
        for (let i = 0; i < 200; i++) {
          await log.wait(50);
          await sleep(10);
        }
      })(),
    ).rejects.toMatchObject({ code: "topic_replaced" });
    await log.close();
  });
});
