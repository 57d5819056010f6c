import { HashbrookError } from "../../core/errors.js";

/** The error for messages that the topic's retention deleted before they were learned. */
export function offsetsLost(topic: string, partition: number, wanted: bigint, low: bigint): HashbrookError {
  const message = `topic ${topic}, partition ${partition}: offset ${wanted} no longer exists, the earliest one is ${low}`;
  return new HashbrookError("offsets_lost", message, {
    hint: "the topic's retention deleted events before they were learned; to continue without them: --on-lost-offsets earliest (or latest)",
  });
}

/** The error for a record batch that was damaged in two fetches. */
export function batchDamaged(topic: string, partition: number, offset: bigint, damage: string): HashbrookError {
  const message = `topic ${topic}, partition ${partition}: the record batch at offset ${offset} is damaged: ${damage}`;
  return new HashbrookError("kafka_damaged", message, {
    hint: "events before it are learned and saved. Inspect the broker's segment with kafka-dump-log --deep-iteration; elect an intact replica as leader, or start after the batch in another --out: --from",
  });
}

/** The error for a partition that ends before the offset at which reading was to continue. */
export function topicReplaced(topic: string, partition: number, wanted: bigint, high: bigint): HashbrookError {
  const message = `topic ${topic}, partition ${partition}: ends at offset ${high}, but reading continues at ${wanted}`;
  return new HashbrookError("stream_changed", message, {
    hint: "the topic was deleted and recreated: train into another --out directory",
  });
}

/** The error for a topic whose id has changed. */
export function topicReplacedAnew(topic: string, before: string, now: string): HashbrookError {
  const message = `topic ${topic}: was deleted and recreated: its id is ${now}, the checkpoint's is ${before}`;
  return new HashbrookError("topic_replaced", message, {
    hint: "train into another --out directory, which starts at --from",
  });
}

/** The error for a partition whose message at the last learned offset has changed. */
export function topicReplacedAt(topic: string, partition: number, offset: string): HashbrookError {
  const message = `topic ${topic}, partition ${partition}: the message at offset ${offset} is not the one that the checkpoint has learned`;
  return new HashbrookError("topic_replaced", message, {
    hint: "the topic was deleted and recreated: train into another --out directory, which starts at --from",
  });
}
