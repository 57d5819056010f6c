import { drawn } from "../core/chance.js";
import { wallTime } from "../core/clock.js";
import { kafkaUrl } from "../sources/kafka/options.js";
import { DirectorySink } from "./directory-sink.js";
import type { LogSink } from "./sink.js";
import { TopicSink } from "./topic-sink.js";

/**
 * Opens a log of impressions for writing.
 * @param to a directory, or `kafka://HOST:PORT[,HOST:PORT…]/TOPIC`
 * @throws HashbrookError usage, log_write, kafka_…
 */
export async function openSink(to: string): Promise<LogSink> {
  if (!to.startsWith("kafka://"))
    return new DirectorySink(to, { now: wallTime, writer: Math.floor(drawn() * 36 ** 6).toString(36) });
  const { kafka, topic } = kafkaUrl(to);
  return TopicSink.open(kafka, topic);
}
