import { expect, it } from "vitest";
import { isLeaderless } from "../../../src/sources/kafka/failure.js";

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

it.each([
  ["a topic is refused for want of brokers", { errors: [{ type: "INVALID_REPLICATION_FACTOR" }] }, true],
  [
    "topics are listed while one has no leader",
    thrown(() => {
      const { topicMetadata } = none;
      return topicMetadata;
    }),
    true,
  ],
  ["a topic without a leader is asked about", thrown(() => none.topicMetadata.length), true],
  ["no controller is named", new Error("Broker -1 not found in the cached metadata"), true],
  ["a partition has moved", { cause: { type: "NOT_LEADER_FOR_PARTITION" } }, true],
  ["a topic is missing", { type: "UNKNOWN_TOPIC_OR_PARTITION" }, false],
  ["another broker is gone", new Error("Broker 3 not found in the cached metadata"), false],
])("asks a busy cluster again where %s: that was an error at once", (_, error, again) => {
  expect(isLeaderless(error)).toBe(again);
});
