import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";
import { isNotReady, kafkaFailure } from "../../../src/sources/kafka/failure.js";

const require = createRequire(import.meta.url);
const { KafkaJSAggregateError, KafkaJSCreateTopicError } = require("kafkajs/src/errors.js") as {
  KafkaJSAggregateError: new (message: string, errors: readonly Error[]) => Error;
  KafkaJSCreateTopicError: new (error: Error, topic: string) => Error;
};
const { createErrorFromCode } = require("kafkajs/src/protocol/error.js") as {
  createErrorFromCode(code: number): Error;
};

/** As kafkajs throws what a broker answers for a topic. */
const answer = (code: number) =>
  new KafkaJSAggregateError("Topic creation errors", [
    new KafkaJSCreateTopicError(createErrorFromCode(code), "events"),
  ]);
const NOT_ENOUGH_REPLICAS = 19;
const INVALID_PARTITIONS = 37;
const INVALID_REPLICATION_FACTOR = 38;

/** What a step throws. */
function thrown(step: () => unknown): unknown {
  try {
    return step();
  } catch (error) {
    return error;
  }
}

/** Metadata as kafkajs has it where no broker gave any. */
const none = null as unknown as { topicMetadata: object[] };

describe("a request is repeated until the cluster is ready", () => {
  it.each([
    ["too few brokers for a new topic", { errors: [{ type: "INVALID_REPLICATION_FACTOR" }] }],
    [
      "topics are listed while one has no leader",
      thrown(() => {
        const { topicMetadata } = none;
        return topicMetadata;
      }),
    ],
    ["a topic has no leader", thrown(() => none.topicMetadata.length)],
    ["no controller is named yet", new Error("Broker -1 not found in the cached metadata")],
    ["a partition has moved", { cause: { type: "NOT_LEADER_FOR_PARTITION" } }],
  ])("after: %s", (_, error) => {
    expect(isNotReady(error)).toBe(true);
  });

  it.each([
    ["a topic is missing", { type: "UNKNOWN_TOPIC_OR_PARTITION" }],
    ["a broker is gone", new Error("Broker 3 not found in the cached metadata")],
    ["a topic is refused for good", answer(INVALID_PARTITIONS)],
  ])("but not after: %s", (_, error) => {
    expect(isNotReady(error)).toBe(false);
  });
});

it.each([[INVALID_REPLICATION_FACTOR], [NOT_ENOUGH_REPLICAS]])(
  "a cluster with too few brokers for a new topic (error %i) is asked again; the error names the topic and the remedy",
  (code) => {
    expect(isNotReady(answer(code))).toBe(true);
    expect(kafkaFailure(answer(code), "topic events on kafka:9092")).toMatchObject({
      code: "kafka_failed",
      message: expect.stringMatching(/^topic events on kafka:9092: .*replica/i),
      hint: expect.stringMatching(/too few brokers are up.*default\.replication\.factor.*fewer replicas/),
    });
  },
);
