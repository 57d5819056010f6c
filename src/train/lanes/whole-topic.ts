import { HashbrookError } from "../../core/errors.js";
import { type Watermarks, withAdmin } from "../../sources/kafka/admin.js";
import { KafkaLog } from "../../sources/kafka/kafka-log.js";
import type { TopicSpec } from "../../sources/kafka/open-topic.js";
import { MOST_RECORD } from "./record.js";

/** A record is one message: dense gradients alone may be some megabytes. Whoever comes late reads all of them. */
const KEPT_WHOLE = {
  "max.message.bytes": String(MOST_RECORD),
  "cleanup.policy": "delete",
  "retention.ms": "-1",
  "retention.bytes": "-1",
};

/** Bytes of one request: what several lanes bring to a round goes in few. */
export const REQUEST_BYTES = 32 << 20;

/** Partitions that a topic is to have, and what is to be done where it has others. */
interface Partitions {
  readonly count: number;
  readonly of: "lanes" | "shards";
  readonly hint: string;
}

/** Makes a topic between the processes of a run where it is not there. @throws usage where it has other partitions */
export async function makeWhole({ kafka }: TopicSpec, topic: string, { count, of, hint }: Partitions): Promise<void> {
  const partitions = await withAdmin(kafka, async (admin) => {
    await admin.createTopic(topic, count, KEPT_WHOLE);
    return admin.partitionsOf(topic);
  });
  if (partitions === count) return;
  throw new HashbrookError("usage", `topic ${topic}: has ${partitions} partitions for ${count} ${of}`, { hint });
}

/** Opens such a topic for one that reads it by itself. @param only partitions that are read; default: all */
export function joinWhole({ kafka, client }: TopicSpec, topic: string, only?: (partition: number) => boolean) {
  const membership = { id: null, named: () => {} };
  return KafkaLog.join({ kafka, topic, group: null, client, onLost: "stop", membership, only, prompt: true });
}

/** First and next offsets. @throws offsets_lost where the first messages are gone */
export async function wholeMarks(log: KafkaLog): Promise<readonly Watermarks[]> {
  const marks = await log.watermarks();
  for (const [partition, { low }] of marks.entries()) if (low > 0n) throw trimmed(log.topic, partition, low);
  return marks;
}

/** Reads from the first message on. @throws as `wholeMarks` */
export async function beginWhole(log: KafkaLog): Promise<void> {
  const marks = await wholeMarks(log);
  log.begin(
    marks,
    marks.map(({ low }) => low),
    [],
  );
}

function trimmed(topic: string, partition: number, low: bigint): HashbrookError {
  return new HashbrookError(
    "offsets_lost",
    `topic ${topic}, partition ${partition}: its first ${low} messages are gone`,
    {
      hint: "rounds are read from the first one: begin again with --resume and another --rounds-topic, whose retention nobody shortens",
    },
  );
}
