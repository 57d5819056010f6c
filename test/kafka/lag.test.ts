import { expect, it } from "vitest";
import { CheckpointStore } from "../../src/checkpoints/store.js";
import { createKafka } from "../../src/sources/kafka/client.js";
import { run, temporary } from "../e2e/hashbrook.js";
import { describeKafka, type TestKafka } from "./harness.js";

const lag = (kafka: TestKafka, topic: string, ...args: string[]) =>
  run(["lag", "--kafka", kafka.brokers, "--topic", topic, ...args]);

function checkpoint(topic: string, offsets: readonly string[]): string {
  const directory = temporary();
  const store = new CheckpointStore(directory);
  store.lock();
  store.save(10, { meta: { position: { topic, offsets } }, blocks: [] });
  store.unlock();
  return directory;
}

async function topicWith(kafka: TestKafka, counts: readonly number[]): Promise<string> {
  const topic = await kafka.topic(counts.length);
  const records = counts.flatMap((count, partition) =>
    Array.from({ length: count }, () => ({ value: "x", partition })),
  );
  await kafka.produce(topic, records);
  return topic;
}

describeKafka("hashbrook lag", (kafka) => {
  it("is the distance from a group's committed offsets to the end; the whole partition without a commit", async () => {
    const topic = await topicWith(kafka, [10, 5, 0]);
    const group = `group-of-${topic}`;
    const admin = createKafka(kafka.options).kafka.admin();
    await admin.connect();
    await admin.setOffsets({ groupId: group, topic, partitions: [{ partition: 0, offset: "7" }] });
    await admin.disconnect();
    const { stdout } = await lag(kafka, topic, "--group", group, "--json");
    expect(JSON.parse(stdout)).toEqual({
      topic,
      lag: 8,
      lost: 0,
      partitions: [
        { partition: 0, position: 7, start: 0, end: 10, lag: 3, lost: 0 },
        { partition: 1, position: null, start: 0, end: 5, lag: 5, lost: 0 },
        { partition: 2, position: null, start: 0, end: 0, lag: 0, lost: 0 },
      ],
    });
    const table = await lag(kafka, topic, "--group", group);
    expect(table.stdout.split("\n")[1].trim().split(/\s+/)).toEqual(["0", "7", "10", "3", "0"]);
    expect(table.stdout).toMatch(/total\s+8\s+0/);
  });

  it("is the distance from a checkpoint's offsets, and reports what retention has deleted", async () => {
    const topic = await topicWith(kafka, [10, 6]);
    await kafka.deleteBefore(topic, 1, 4n);
    const { stdout } = await lag(kafka, topic, "--checkpoint", checkpoint(topic, ["9", "1"]), "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      lag: 3,
      lost: 3,
      partitions: [{ lag: 1 }, { start: 4, lag: 2, lost: 3 }],
    });
  });

  it("requires one of --group and --checkpoint, and the checkpoint's own topic", async () => {
    const topic = await kafka.topic();
    expect(await lag(kafka, topic)).toMatchObject({ status: 2, stderr: expect.stringContaining("--checkpoint") });
    const other = await lag(kafka, topic, "--checkpoint", checkpoint("clicks", ["1"]));
    expect(other).toMatchObject({ status: 3, stderr: expect.stringContaining("clicks") });
    expect(await lag(kafka, "no-such-topic", "--group", "g")).toMatchObject({ status: 8 });
  });

  it("detects a checkpoint that was not learned from Kafka", async () => {
    const directory = temporary();
    const store = new CheckpointStore(directory);
    store.lock();
    store.save(1, { meta: { position: { file: 0 } }, blocks: [] });
    store.unlock();
    expect(await lag(kafka, "any", "--checkpoint", directory)).toMatchObject({ status: 5 });
  });
});
