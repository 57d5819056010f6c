import { InvalidArgumentError, Option } from "commander";
import { HashbrookError } from "../core/errors.js";
import { registryOptions } from "../schema-registry/registry.js";
import { type KafkaClientName, kafkaClients } from "../sources/kafka/kafka-log-options.js";
import type { TopicSpec, TopicStart, TopicStop } from "../sources/kafka/open-topic.js";
import { kafkaOptions } from "../sources/kafka/options.js";
import { defaultSettings } from "../train/settings.js";
import { brokers, milliseconds, registry, topicName } from "./options.js";

/** The flags that name a topic to learn from. */
export interface TopicFlags {
  kafka?: string;
  topic?: string;
  group?: string;
  kafkaClient?: KafkaClientName;
  from?: TopicStart;
  until?: TopicStop;
  schemaRegistry?: string;
  onLostOffsets?: "stop" | "earliest" | "latest";
  lingerMs?: number;
}

export function topicOptions(): Option[] {
  return [
    new Option(
      "--kafka <brokers>",
      "learn from a Kafka topic: HOST:PORT of some brokers, separated by commas",
    ).argParser(brokers),
    new Option("--topic <topic>", "the topic; each message is an event").argParser(topicName),
    new Option(
      "--group <group>",
      "consumer group, for dashboards; one trainer of a group is active, the others stand by. none: join no group and commit nothing",
    ),
    new Option(
      "--kafka-client <library>",
      "client library: kafkajs, or platformatic (@platformatic/kafka, to be installed separately; requires --group none)",
    )
      .choices([...kafkaClients])
      .default("kafkajs"),
    new Option(
      "--from <place>",
      "where a new run starts: earliest, latest, a time (UTC without a zone), or an offset for each partition: 0,17,3",
    )
      .argParser(startOf)
      .default({ at: "earliest" }, "earliest"),
    new Option(
      "--until <place>",
      "where to stop: end (of the topic as it is at the start), or a time (default: never)",
    ).argParser(stopOf),
    new Option("--schema-registry <url>", "registry of the schemas that events refer to (avro, protobuf)").argParser(
      registry,
    ),
    new Option("--on-lost-offsets <do>", "what to do if events were deleted before they were learned")
      .choices(["stop", "earliest", "latest"])
      .default("stop"),
    new Option("--linger-ms <n>", "longest time that an event of a quiet topic waits for others before it is learned")
      .argParser(milliseconds)
      .default(defaultSettings.lingerMs),
  ];
}

/** The topic given by the flags, undefined for files. @throws HashbrookError usage */
export function topicOf(flags: TopicFlags & { data?: string[] }): TopicSpec | undefined {
  const { kafka, topic, group } = flags;
  if (kafka === undefined) {
    if (topic !== undefined) throw usage("--topic requires --kafka BROKERS");
    if (!flags.data) throw usage("no data: give --data FILE..., or --kafka BROKERS --topic T");
    return undefined;
  }
  if (flags.data) throw usage("--data and --kafka cannot be combined", "give one of them");
  if (topic === undefined) throw usage("--kafka requires --topic", "add --topic NAME, the topic to learn from");
  const client = flags.kafkaClient === "platformatic" ? flags.kafkaClient : undefined;
  if (client && group !== "none")
    throw usage("--kafka-client platformatic reads without a consumer group", "add --group none");
  return {
    kafka: kafkaOptions(kafka),
    topic,
    ...(client && { client }),
    group: group === "none" ? null : (group ?? "hashbrook"),
    start: flags.from ?? { at: "earliest" },
    stop: flags.until ?? null,
    ...(flags.schemaRegistry !== undefined && { registry: registryOptions(flags.schemaRegistry) }),
    onLost: flags.onLostOffsets ?? "stop",
  };
}

function usage(message: string, hint?: string): HashbrookError {
  return new HashbrookError("usage", message, hint === undefined ? {} : { hint });
}

function startOf(text: string): TopicStart {
  if (text === "earliest" || text === "latest") return { at: text };
  if (/^\d{1,18}(,\d{1,18})*$/.test(text)) return { at: "offsets", offsets: text.split(",") };
  return { at: "time", time: timeOf(text, "earliest, latest, an offset of 0 or more for each partition (0,17,3),") };
}

function stopOf(text: string): TopicStop {
  return text === "end" ? { at: "end" } : { at: "time", time: timeOf(text, "end,") };
}

const TIME = /^(\d{4}-\d\d-\d\d)([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?(Z|[+-]\d\d:?\d\d)?$/;

/** A time without a zone is in UTC, as in events. @param or other accepted values, for the message */
function timeOf(text: string, or: string): number {
  const [, date, clock = "T00:00", , , zone = "Z"] = TIME.exec(text) ?? [];
  const time = isDate(date) ? Date.parse(`${date}${clock.replace(" ", "T")}${zone}`) : Number.NaN;
  if (Number.isNaN(time)) throw new InvalidArgumentError(`It must be ${or} or a time such as 2026-11-24T06:00:00Z.`);
  return time;
}

/** Whether there is such a day: Date.parse takes February 30 for March 2. */
function isDate(date: string | undefined): boolean {
  const time = date === undefined ? Number.NaN : Date.parse(date);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(date!);
}
