import { Option } from "commander";
import { HashbrookError } from "../core/errors.js";
import { defaultSnapshotEvery } from "../delta-log/defaults.js";
import { type Precision, precisions } from "../delta-log/precision.js";
import { kafkaOptions } from "../sources/kafka/options.js";
import type { Job, PublishSpec } from "../train/job.js";
import { counting, deltaLog, each, milliseconds, topicName } from "./options.js";

/** The flags that concern a trainer's published changes. */
export interface PublishFlags {
  publish?: string[];
  publishMs?: number;
  precision?: Precision;
  snapshotEvery?: number;
  deadLetterTopic?: string;
  kafka?: string;
}

/** The flags that concern clicks that label nothing. */
export interface LateFlags {
  keepLate?: true;
  lateTopic?: string;
}

export function publishOptions(): Option[] {
  return [
    new Option(
      "--publish <log...>",
      "publish changes for scorers (serve --follow) to a directory, kafka://HOST:PORT/TOPIC, objects:DIR or s3://BUCKET/PREFIX",
    ).argParser(each(deltaLog)),
    new Option("--publish-ms <n>", "milliseconds between entries (default: 1000; with --serve 100)").argParser(
      milliseconds,
    ),
    new Option("--precision <p>", "precision of published weights").choices([...precisions]).default("f32"),
    new Option("--snapshot-every <n>", "maximum number of entries between snapshots; new scorers start from one")
      .argParser(counting)
      .default(defaultSnapshotEvery),
    new Option(
      "--dead-letter-topic <topic>",
      "also send rejected events to this topic of --kafka: key, value, headers, reason and origin",
    ).argParser(topicName),
  ];
}

export function publishOf(flags: PublishFlags): Partial<PublishSpec> {
  const { publish = [], publishMs, precision = "f32", snapshotEvery = defaultSnapshotEvery } = flags;
  return { urls: publish, precision, snapshotEvery, ...(publishMs === undefined ? {} : { everyMs: publishMs }) };
}

/** @throws HashbrookError usage without --kafka */
export function deadLettersOf({ deadLetterTopic: topic, kafka }: PublishFlags): Job["deadLetters"] {
  if (topic === undefined) return null;
  if (kafka === undefined) throw new HashbrookError("usage", "--dead-letter-topic requires --kafka BROKERS");
  return { kafka: kafkaOptions(kafka), topic };
}

/** @throws HashbrookError usage without --kafka */
export function unusedOf({
  keepLate,
  lateTopic: topic,
  kafka,
}: LateFlags & Pick<PublishFlags, "kafka">): Job["unused"] {
  if (topic === undefined) return keepLate ? { topic: null } : null;
  if (kafka === undefined) throw new HashbrookError("usage", "--late-topic requires --kafka BROKERS");
  return { topic: { kafka: kafkaOptions(kafka), topic } };
}
