import { createRequire } from "node:module";
import { expect, it } from "vitest";
import { isLeaderless, kafkaFailure } from "../../../src/sources/kafka/failure.js";

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
const [NOT_ENOUGH_REPLICAS, INVALID_REPLICATION_FACTOR, INVALID_PARTITIONS] = [19, 38, 37];

it.each([[INVALID_REPLICATION_FACTOR], [NOT_ENOUGH_REPLICAS]])(
  "a cluster that has too few brokers yet (error %i) is asked again, and the error names the topic and the mend",
  (code) => {
    expect(isLeaderless(answer(code))).toBe(true);
    expect(kafkaFailure(answer(code), "topic events on kafka:9092")).toMatchObject({
      code: "kafka_failed",
      message: expect.stringMatching(/^topic events on kafka:9092: .*replica/i),
      hint: expect.stringMatching(/too few brokers are up.*default\.replication\.factor.*fewer replicas/),
    });
  },
);

it("what a cluster refuses for good is not asked again", () => {
  expect(isLeaderless(answer(INVALID_PARTITIONS))).toBe(false);
});
