import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { openCheckpoint } from "../../src/checkpoints/store.js";
import { createKafka, type KafkaOptions } from "../../src/sources/kafka/client.js";
import { ended, report, simulatedLines, start, temporary } from "../e2e/hashbrook.js";
import { describeKafka, type TestKafka } from "./harness.js";
import { NO_CHECKPOINTS, training } from "./trainers.js";

const LASTING = { "retention.ms": "-1" };

const events = await simulatedLines(3000, 5);
const records = (from: number, count: number, partition = 0) =>
  events.slice(from, from + count).map((value) => ({ value, partition }));

const flags = (kafka: TestKafka, topic: string, out: string) => [
  ...training(kafka, topic, out),
  ...["--resume", ...NO_CHECKPOINTS],
];

async function transactional(options: KafkaOptions, topic: string, id: string) {
  const producer = createKafka(options).kafka.producer({
    transactionalId: `${topic}-${id}`,
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  return producer;
}

/** Follows a trainer's progress, JSON lines on standard error. */
function following(child: ReturnType<typeof start>) {
  let text = "";
  child.stderr!.on("data", (data) => (text += data));
  return async (pattern: RegExp) => {
    while (!pattern.test(text)) {
      if (child.exitCode !== null) throw new Error(`it ended: ${text.slice(-2000)}`);
      await sleep(20);
    }
  };
}

describeKafka("train from a topic with transactions", (kafka) => {
  it("learns no event of an aborted transaction, however they overlap and wherever reading starts", async () => {
    const topic = await kafka.topic(1, LASTING);
    const [a, b] = await Promise.all(["a", "b"].map((id) => transactional(kafka.options, topic, id)));
    const [first, second] = [await a.transaction(), await b.transaction()];
    await first.send({ topic, messages: records(0, 10) });
    await second.send({ topic, messages: records(10, 10) });
    await second.send({ topic, messages: records(20, 500) });
    await first.send({ topic, messages: records(520, 10) });
    await second.abort();
    await first.abort();
    const third = await a.transaction();
    await third.send({ topic, messages: records(600, 100) });
    await third.commit();
    await Promise.all([a.disconnect(), b.disconnect()]);
    const learned: number[][] = [];
    for (const from of [0, 5, 10, 15, 20, 300, 519, 525]) {
      const { examples, rejected } = await report([
        ...flags(kafka, topic, temporary()),
        ...["--from", String(from), "--until", "end"],
      ]);
      learned.push([from, examples, rejected]);
    }
    expect(learned).toEqual(learned.map(([from]) => [from, 100, 0]));
  });

  it("stayed before an aborted transaction that nothing followed: the lag grew, and retention made it an error", async () => {
    const [topic, out] = [await kafka.topic(1, LASTING), temporary()];
    await kafka.produce(topic, records(0, 100));
    await report([...flags(kafka, topic, out), "--until", "end"]);
    const producer = await transactional(kafka.options, topic, "aborts");
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: records(100, 10) });
    await transaction.abort();
    await producer.disconnect();
    await report([...flags(kafka, topic, out), "--until", "end"]);
    const { position } = openCheckpoint(out).checkpoint.meta;
    expect(position).toMatchObject({ offsets: ["111"], messages: 100 });
    await kafka.deleteBefore(topic, 0, 111n);
    expect((await report([...flags(kafka, topic, out), "--until", "end"])).examples).toBe(100);
  });

  it("does not block other partitions on an open transaction of one", async () => {
    const topic = await kafka.topic(2, LASTING);
    const producer = await transactional(kafka.options, topic, "open");
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: records(0, 50, 0) });
    await kafka.produce(topic, records(100, 1000, 1));
    const child = start([...flags(kafka, topic, temporary()), "--linger-ms", "50", "--json"]);
    const logged = following(child);
    const exit = ended(child);
    await logged(/"examples":1000,/);
    await transaction.commit();
    await producer.disconnect();
    await logged(/"examples":1050,/);
    child.kill("SIGINT");
    expect(await exit).toMatchObject({ status: 0 });
  });

  it("stops if unread events are lost, also when only an aborted transaction follows them", async () => {
    const { topic, out, child, exit } = await learnedAndStopped(kafka);
    await kafka.produce(topic, records(1000, 500));
    const producer = await transactional(kafka.options, topic, "aborts");
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: records(0, 10) });
    await transaction.abort();
    await producer.disconnect();
    await kafka.deleteBefore(topic, 0, 1505n);
    child.kill("SIGCONT");
    const { status, stderr } = await exit;
    expect([status, stderr]).toEqual([3, expect.stringMatching(/offset 1[05]00 no longer exists/)]);
    // A fetch in flight when the trainer was stopped may have returned the 500 events, which then are learned.
    expect(openCheckpoint(out).checkpoint.examples).toBe(Number(/offset (\d+) no longer exists/.exec(stderr)![1]));
  });
});

describeKafka("train from a topic", (kafka) => {
  it("stops when the topic is recreated", async () => {
    const { topic, child, exit } = await learnedAndStopped(kafka);
    await kafka.deleteTopic(topic);
    expect(await kafka.admin.createTopic(topic, 1, LASTING)).toBe(true);
    await kafka.produce(topic, records(0, 300));
    child.kill("SIGCONT");
    await expect(exit).resolves.toMatchObject({ status: 3, stderr: expect.stringContaining("deleted and recreated") });
  });
});

/** A trainer that has learned 1,000 events and was stopped by a signal. */
async function learnedAndStopped(kafka: TestKafka) {
  const [topic, out] = [await kafka.topic(1, LASTING), temporary()];
  await kafka.produce(topic, records(0, 1000));
  const child = start([...flags(kafka, topic, out), "--linger-ms", "50", "--json"]);
  const exit = ended(child);
  await following(child)(/"examples":1000,/);
  child.kill("SIGSTOP");
  return { topic, out, child, exit };
}
