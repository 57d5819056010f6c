import { HashbrookError } from "../../core/errors.js";
import { type Watermarks, withAdmin } from "../../sources/kafka/admin.js";
import { KafkaLog } from "../../sources/kafka/kafka-log.js";
import type { TopicSpec } from "../../sources/kafka/open-topic.js";
import { MOST_RECORD } from "./record.js";

/**
 * Settings of a topic: messages as large as a record, since dense gradients alone may take megabytes, and unlimited
 * retention, since a process that starts late reads all of them.
 */
const KEPT_WHOLE = {
  "max.message.bytes": String(MOST_RECORD),
  "cleanup.policy": "delete",
  "retention.ms": "-1",
  "retention.bytes": "-1",
};

/** Maximum batch of a request in bytes, so large that the records of several lanes take few requests. */
export const REQUEST_BYTES = 32 << 20;

/** Required partitions of a topic, and the hint for the error if it has another number. */
interface Partitions {
  readonly count: number;
  readonly of: "lanes" | "shards";
  readonly hint: string;
}

/**
 * Creates a topic for the processes of a run if it is missing.
 * @throws HashbrookError usage if it has another number of partitions; as `KafkaAdmin`
 */
export async function makeWhole({ kafka }: TopicSpec, topic: string, { count, of, hint }: Partitions): Promise<void> {
  const partitions = await withAdmin(kafka, async (admin) => {
    await admin.createTopic(topic, count, KEPT_WHOLE);
    return admin.partitionsOf(topic);
  });
  if (partitions === count) return;
  throw new HashbrookError("usage", `topic ${topic}: has ${partitions} partitions, but there are ${count} ${of}`, {
    hint,
  });
}

/** Opens such a topic without a consumer group. @param only selects the partitions to read. Default: all */
export function joinWhole({ kafka, client }: TopicSpec, topic: string, only?: (partition: number) => boolean) {
  const membership = { id: null, named: () => {} };
  return KafkaLog.join({ kafka, topic, group: null, client, onLost: "stop", membership, only, prompt: true });
}

/** First and next offsets of every partition. @throws HashbrookError offsets_lost if the first messages were deleted */
export async function wholeMarks(log: KafkaLog): Promise<readonly Watermarks[]> {
  const marks = await log.watermarks();
  for (const [partition, { low }] of marks.entries()) if (low > 0n) throw trimmed(log.topic, partition, low);
  return marks;
}

/** Begins to read at the first message. @throws HashbrookError as `wholeMarks` */
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
    `topic ${topic}, partition ${partition}: its first ${low} messages have been deleted`,
    {
      hint: "rounds are read from the first offset: restart with --resume and another --rounds-topic, and leave its retention unlimited",
    },
  );
}
