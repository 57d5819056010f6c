import type { SchemaReader } from "../../schema-registry/topic-schemas.js";
import type { TopicSpec } from "../../sources/kafka/open-topic.js";
import type { StreamStart } from "./thread-messages.js";

let loaded: ReturnType<typeof load> | undefined;

/** The modules for reading a topic, loaded once per thread. */
export function loadTopicModules(): ReturnType<typeof load> {
  loaded ??= load();
  return loaded;
}

async function load() {
  const { readRecordBatches } = await import("../../sources/kafka/fetched-batch.js");
  readRecordBatches();
  const { beginTopic, joinTopic } = await import("../../sources/kafka/open-topic.js");
  const { GroupMember } = await import("./group-member.js");
  const { Merge } = await import("../ordering/merge.js");
  const { decodedMessages } = await import("../ordering/topic-stream.js");
  return { beginTopic, joinTopic, GroupMember, Merge, decodedMessages };
}

/** Loaded if events are binary. */
export async function topicSchemas(reader: SchemaReader, { registry }: TopicSpec, { schemas = {} }: StreamStart) {
  const { TopicSchemas } = await import("../../schema-registry/topic-schemas.js");
  return new TopicSchemas(reader, registry, schemas);
}

/** A topic's fingerprint in a checkpoint. */
export function fingerprintOf(topic: string): string {
  return `kafka:${topic}`;
}
