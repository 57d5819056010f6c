// Broker errors in an order that cannot be provoked from a real broker.
import { expect, it } from "vitest";
import type { HashbrookError } from "../../../src/core/errors.js";
import type { Answer, TopicCluster } from "../../../src/sources/kafka/cluster.js";
import type { PartitionBatch } from "../../../src/sources/kafka/partition.js";
import { PlainConsumer } from "../../../src/sources/kafka/plain-consumer.js";

const UNKNOWN_TOPIC = 3;
const CORRUPT = 2;

const batch = (partition: number): Answer => ({
  batch: {
    partition,
    fetchedOffset: "0",
    highWatermark: "9",
    end: "9",
    damage: null,
    messages: [],
    lastOffset: () => "0",
  },
});
const failing = (partition: number, error: number): Answer => ({ partition, error });

/** Reads from a broker that sends these responses, one per request. @returns the failure, or the partitions of batches */
async function read(partitions: number, answers: readonly Answer[][]): Promise<HashbrookError | number[]> {
  const cluster: TopicCluster = {
    topic: async () => ({ id: null, leaders: Array(partitions).fill(0) }),
    fetch: async () => (asked < answers.length ? answers[asked++] : ended()),
    close: async () => {},
  };
  let asked = 0;
  const accepted: number[] = [];
  let consumer: PlainConsumer | undefined;
  let ended: () => Promise<Answer[]> = async () => [];
  const outcome = new Promise<HashbrookError | number[]>((resolve) => {
    ended = async () => {
      await consumer?.close();
      resolve(accepted);
      return [];
    };
    consumer = new PlainConsumer("events", cluster, partitions, {
      next: () => 0n,
      accept: ({ partition }: PartitionBatch) => void accepted.push(partition),
      outOfRange: () => {},
      full: () => false,
      renewed: () => {},
      failed: resolve,
    });
  });
  await consumer?.join();
  consumer?.begin();
  return outcome;
}

it("waits for a freshly started broker that does not know twelve partitions yet", async () => {
  const all = Array.from({ length: 12 }, (_, partition) => partition);
  const unknown = all.map((partition) => failing(partition, UNKNOWN_TOPIC));
  expect(await read(12, [unknown, all.map(batch)])).toEqual(all);
});

it("does not count CORRUPT_MESSAGE for different partitions, or with a batch in between, as a repeated failure", async () => {
  const early = [failing(0, CORRUPT), failing(1, CORRUPT)];
  expect(await read(2, [early, [batch(0), batch(1)], [failing(0, CORRUPT), batch(1)]])).toEqual([0, 1, 1]);
});

it("fails if the same partition is corrupt twice in a row", async () => {
  const first = [failing(0, CORRUPT), batch(1)];
  expect(await read(2, [first, [failing(0, CORRUPT), batch(1)]])).toMatchObject({ code: "kafka_damaged" });
});
