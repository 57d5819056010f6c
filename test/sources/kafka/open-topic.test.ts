import { expect, it } from "vitest";
import type { KafkaLog } from "../../../src/sources/kafka/kafka-log.js";
import { beginTopic, type TopicSpec } from "../../../src/sources/kafka/open-topic.js";

/** A log whose topic gets a message between any two requests, all of them before the time that is asked for. */
function growing() {
  let high = 100n;
  const begun: { high: bigint; offset: bigint }[] = [];
  const log = {
    id: null,
    partitions: 1,
    watermarks: async () => [{ low: 0n, high: high++ }],
    admin: { offsetsAt: async () => [high++] },
    begin: ([{ high }]: { high: bigint }[], [offset]: bigint[]) => begun.push({ high, offset }),
  };
  return { log: log as unknown as KafkaLog, begun };
}

it("does not take a topic for a replaced one if it grows while a run begins at a time after its last message", async () => {
  const { log, begun } = growing();
  const start = { at: "time", time: Date.now() + 60_000 } as const;
  const spec: TopicSpec = {
    kafka: { brokers: [] },
    topic: "events",
    group: null,
    start,
    stop: null,
    onLost: "stop",
  };
  await beginTopic(log, spec, null);
  const [{ high, offset }] = begun;
  expect(offset).toBeLessThanOrEqual(high);
});
