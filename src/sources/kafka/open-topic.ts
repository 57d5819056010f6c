import { HashbrookError } from "../../core/errors.js";
import type { RegistryOptions } from "../../schema-registry/registry.js";
import type { MessagePrint } from "../messages.js";
import type { KafkaAdmin, Watermarks } from "./admin.js";
import type { KafkaOptions } from "./client.js";
import { KafkaLog } from "./kafka-log.js";
import type { KafkaClientName, OnLost } from "./kafka-log-options.js";
import { topicReplacedAnew } from "./lost.js";
import type { Membership } from "./membership.js";

/** Where a run without a checkpoint begins. */
export type TopicStart =
  | { readonly at: "earliest" }
  | { readonly at: "latest" }
  /** The first message with this time (ms since the epoch) or a later one. */
  | { readonly at: "time"; readonly time: number }
  /** Offsets as decimal digits, by partition. */
  | { readonly at: "offsets"; readonly offsets: readonly string[] };

/** Where a run ends: never (null), after the messages present at its start, or before a time. */
export type TopicStop = { readonly at: "end" } | { readonly at: "time"; readonly time: number } | null;

/** A topic to train on: plain data that can be sent between threads. */
export interface TopicSpec {
  /** How to reach the brokers. */
  readonly kafka: KafkaOptions;
  /** Its name. */
  readonly topic: string;
  /**
   * Consumer group: one of its members trains, the others stand by. null: no group, for brokers that do not allow
   * joining one.
   */
  readonly group: string | null;
  /** The library to read it with; platformatic requires `group: null`. Default: kafkajs. */
  readonly client?: KafkaClientName | undefined;
  /** Where a run without a checkpoint begins. */
  readonly start: TopicStart;
  /** Where it ends; null: never. */
  readonly stop: TopicStop;
  /** The schema registry for the schemas that events name. Default: none. */
  readonly registry?: RegistryOptions;
  /** What to do about messages that retention deleted before they were learned. */
  readonly onLost: OnLost;
}

/** A topic's position in a checkpoint. */
export interface TopicResume {
  /** The next offset of every partition. */
  readonly offsets: readonly bigint[];
  /** The last learned message before it, by partition; null if none was. */
  readonly last: readonly (MessagePrint | null)[];
  /** The topic's id; absent if the brokers reported none. */
  readonly id?: string | undefined;
}

/** The range of a topic that a run reads. */
export interface Bounds {
  /** The first offset of every partition. */
  readonly offsets: readonly bigint[];
  /** Offsets to stop at, by partition; null = never. */
  readonly stops: readonly bigint[] | null;
}

/**
 * Joins a topic's group; nothing is read until `beginTopic`.
 * @throws HashbrookError kafka_unreachable, kafka_auth, kafka_topic_missing
 */
export function joinTopic(
  { kafka, topic, group, client, onLost }: TopicSpec,
  membership: Membership,
): Promise<KafkaLog> {
  return KafkaLog.join({ kafka, topic, group, client, onLost, membership });
}

/**
 * Begins to read a topic at a checkpoint's position (`resume`), or where the spec says. Partitions added since are read
 * from their beginning.
 * @param partitions only the first ones are read. Default: all
 * @throws HashbrookError kafka_unreachable, kafka_auth, kafka_topic_missing, offsets_lost, stream_changed, usage; from
 *   waiting for the log, topic_replaced
 */
export async function beginTopic(
  log: KafkaLog,
  spec: TopicSpec,
  resume: TopicResume | null,
  partitions = log.partitions,
): Promise<Bounds> {
  const { id = null } = resume ?? {};
  if (id !== null && log.id !== null && id !== log.id) throw topicReplacedAnew(spec.topic, id, log.id);
  const { marks, ...bounds } = await boundsOf(log, spec, resume?.offsets ?? null, partitions);
  log.begin(marks, bounds.offsets, resume?.last ?? []);
  return bounds;
}

/** The range that a new run would read now. @throws as `beginTopic` */
export async function boundsOfTopic(log: KafkaLog, spec: TopicSpec): Promise<Bounds> {
  const { offsets, stops } = await boundsOf(log, spec, null, log.partitions);
  return { offsets, stops };
}

async function boundsOf(
  log: KafkaLog,
  spec: TopicSpec,
  resume: readonly bigint[] | null,
  partitions: number,
): Promise<Bounds & { readonly marks: Marks }> {
  const { topic, start } = spec;
  const { admin } = log;
  // Before the ends: where no message is that late, it is the end of a topic that may still grow.
  const since = !resume && start.at === "time" ? await admin.offsetsAt(topic, start.time) : [];
  const marks = (await log.watermarks()).slice(0, partitions);
  const first = resume ?? startOf(spec, marks, since);
  if (first.length > marks.length) {
    throw new HashbrookError(
      "stream_changed",
      `topic ${topic}: has ${marks.length} partitions, but the checkpoint has ${first.length}`,
      {
        hint: "the topic was deleted and recreated: train into another --out directory",
      },
    );
  }
  return { marks, offsets: marks.map(({ low }, p) => first[p] ?? low), stops: await stopsOf(spec, admin, marks) };
}

type Marks = readonly Watermarks[];

/** @param since the offsets of a start that is a time */
function startOf({ topic, start }: TopicSpec, marks: Marks, since: readonly bigint[]): readonly bigint[] {
  switch (start.at) {
    case "earliest":
      return marks.map(({ low }) => low);
    case "latest":
      return marks.map(({ high }) => high);
    case "time":
      return since.slice(0, marks.length);
    case "offsets":
      if (start.offsets.length === marks.length)
        return start.offsets.map((offset, p) => within(topic, p, offset, marks));
      throw new HashbrookError(
        "usage",
        `topic ${topic}: ${start.offsets.length} offsets for ${marks.length} partitions`,
        {
          hint: "give one offset for each partition, in order: --from 0,0,120",
        },
      );
  }
}

/** @throws usage for an offset after the partition's end */
function within(topic: string, partition: number, offset: string, marks: Marks): bigint {
  const { low, high } = marks[partition];
  if (BigInt(offset) <= high) return BigInt(offset);
  const message = `topic ${topic}, partition ${partition}: offset ${offset} is after its end offset, ${high}`;
  throw new HashbrookError("usage", message, { hint: `give --from an offset of ${low} to ${high} for this partition` });
}

async function stopsOf({ topic, stop }: TopicSpec, admin: KafkaAdmin, marks: Marks): Promise<readonly bigint[] | null> {
  if (stop === null) return null;
  return stop.at === "end" ? marks.map(({ high }) => high) : admin.offsetsAt(topic, stop.time);
}
