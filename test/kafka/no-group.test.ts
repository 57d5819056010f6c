import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { createKafka } from "../../src/sources/kafka/client.js";
import { KafkaLog } from "../../src/sources/kafka/kafka-log.js";
import { digests, ended, report, run, start, temporary } from "../e2e/hashbrook.js";
import { describeKafka, type TestKafka } from "./harness.js";
import { LR, rows, training, waitForLog } from "./trainers.js";

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
  it("gives the same bytes as with a group, and creates no group on the brokers", async () => {
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

  it("resumes from its checkpoint, killed or not, and follows new messages", async () => {
    const events = await rows(3_000);
    const topic = await topicOf(kafka, events.slice(0, 1_000), 2);
    const out = temporary();
    const args = [...groupless(kafka, topic, out), "--resume", "--checkpoint-every", "500", "--json"];
    const child = start(args);
    const exit = ended(child);
    await waitForLog(child, /"examples":1000,/);
    const more = waitForLog(child, /"examples":2000,/);
    await kafka.produce(
      topic,
      events.slice(1_000, 2_000).map((value, i) => ({ value, partition: i % 2 })),
    );
    await more;
    child.kill("SIGKILL");
    await exit;
    await kafka.produce(
      topic,
      events.slice(2_000).map((value, i) => ({ value, partition: i % 2 })),
    );
    expect(await report([...args, "--until", "end"])).toMatchObject({ examples: 3_000 });
    const { stdout } = await run(["lag", "--kafka", kafka.brokers, "--topic", topic, "--checkpoint", out, "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ topic, lag: 0, lost: 0 });
  });

  it("refuses a directory that another trainer uses", async () => {
    const topic = await topicOf(kafka, await rows(100), 1);
    const out = temporary();
    const child = start([...groupless(kafka, topic, out), "--json"]);
    const exit = ended(child);
    await waitForLog(child, /"examples":100,/);
    expect((await run([...groupless(kafka, topic, out), "--resume"])).status).toBe(5);
    child.kill("SIGTERM");
    expect((await exit).status).toBe(0);
  });

  it("names a missing topic, and ends when its topic is deleted", async () => {
    const missing = await run(groupless(kafka, "no-such-topic", temporary()));
    expect([missing.status, missing.stderr]).toEqual([8, expect.stringContaining("no-such-topic")]);
    const topic = await topicOf(kafka, await rows(100), 1);
    const child = start([...groupless(kafka, topic, temporary()), "--json"]);
    const exit = ended(child);
    await waitForLog(child, /"examples":100,/);
    await kafka.deleteTopic(topic);
    const { status, stderr } = await exit;
    expect([status, stderr]).toEqual([8, expect.stringContaining(topic)]);
  });
});

describeKafka("a topic that was deleted and recreated, longer than before", (kafka) => {
  const recreate = async (topic: string, events: readonly string[]) => {
    await kafka.deleteTopic(topic);
    await kafka.admin.createTopic(topic, 1);
    await kafka.produce(
      topic,
      events.map((value) => ({ value })),
    );
  };

  it.each(["none", "a-group"])("is refused by its id, even if its messages are the same (group %s)", async (group) => {
    const events = await rows(300);
    const topic = await topicOf(kafka, events.slice(0, 100), 1);
    const args = [...training(kafka, topic, temporary(), { model: LR, group }), "--until", "end", "--resume"];
    await report(args);
    await recreate(topic, events);
    const { status, stderr } = await run(args);
    expect(stderr).toMatch(/topic_replaced|deleted and recreated/);
    expect(status).toBe(3);
  });

  it("is recognised by its last message if the checkpoint has no topic id", async () => {
    const topic = await topicOf(kafka, await rows(50), 1);
    const membership = { id: null, named: () => {} };
    const log = await KafkaLog.join({ kafka: kafka.options, topic, group: null, onLost: "stop", membership });
    log.begin(await log.watermarks(), [50n], [{ offset: "49", xxh64: "0123456789abcdef" }]);
    const waiting = (async () => {
      for (;;) await log.wait(100);
    })();
    await expect(waiting).rejects.toMatchObject({
      code: "topic_replaced",
      message: expect.stringContaining("partition 0: the message at offset 49 is not the one"),
    });
    await log.close();
  });

  it("is detected while reading", async () => {
    const events = await rows(50);
    const topic = await topicOf(kafka, events, 1);
    const membership = { id: null, named: () => {} };
    const log = await KafkaLog.join({ kafka: kafka.options, topic, group: null, onLost: "stop", membership });
    const { id } = log;
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    // Nothing is read, as if a request were not answered for a while.
    await recreate(topic, events);
    await expect(
      (async () => {
        for (;;) {
          await log.wait(50);
          await sleep(10);
        }
      })(),
    ).rejects.toMatchObject({ code: "topic_replaced" });
    await log.close();
  });
});
