import { HashbrookError } from "../core/errors.js";
import { type KafkaOptions, kafkaUrl } from "../sources/kafka/options.js";
import type { Job, LabelsGiven } from "./job.js";

/** A topic that a flag names. */
interface NamedTopic {
  readonly flag: string;
  readonly kafka: Pick<KafkaOptions, "brokers">;
  readonly topic: string;
}

type Topics = Pick<Job, "topic" | "clicks" | "publish" | "deadLetters" | "unused">;

/**
 * Refuses to write into a topic that is read, or into that of a delta log: rejected events would be read and rejected
 * again without end, and entries of the log would be rejected as events.
 * @throws HashbrookError usage
 */
export function refuseWrittenTopics(job: Topics): void {
  const logs = logsOf(job);
  const others = [...readBy(job), ...logs];
  for (const written of [...logs, ...besideOf(job)]) {
    const other = others.find((one) => one !== written && isSame(one, written));
    if (!other) continue;
    throw new HashbrookError("usage", `${written.flag}: ${written.topic} is the topic of ${other.flag}, too`, {
      hint: "write into a topic of its own",
    });
  }
}

function readBy({ topic, clicks }: Topics): NamedTopic[] {
  const labels = (flag: string, given: LabelsGiven | null | undefined) =>
    given && "topic" in given ? [{ flag, ...given.topic }] : [];
  return [
    ...(topic ? [{ flag: "--topic", ...topic }] : []),
    ...labels("--clicks-topic", clicks),
    ...labels("--conversions-topic", clicks?.conversions),
  ];
}

function logsOf({ publish }: Topics): NamedTopic[] {
  const urls = publish?.urls.filter((url) => url.startsWith("kafka://")) ?? [];
  return urls.map((url) => ({ flag: "--publish", ...kafkaUrl(url) }));
}

function besideOf({ deadLetters, unused }: Topics): NamedTopic[] {
  return [
    ...(deadLetters ? [{ flag: "--dead-letter-topic", ...deadLetters }] : []),
    ...(unused?.topic ? [{ flag: "--late-topic", ...unused.topic }] : []),
  ];
}

const isSame = (a: NamedTopic, b: NamedTopic): boolean =>
  a.topic === b.topic && a.kafka.brokers.some((broker) => b.kafka.brokers.includes(broker));
