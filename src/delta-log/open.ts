import { HashbrookError } from "../core/errors.js";
import { kafkaUrl } from "../sources/kafka/options.js";
import type { DeltaSink, DeltaSource, WriterFacts } from "./delta-log.js";
import { DirectorySink } from "./directory-sink.js";
import { DirectorySource } from "./directory-source.js";
import { KafkaSink } from "./kafka-sink.js";
import { KafkaSource } from "./kafka-source.js";

/** True for a topic, false for a directory. @throws usage for anything else */
function isTopic(url: string): boolean {
  const [, scheme] = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url) ?? [];
  if (scheme === "kafka") return true;
  if (url !== "" && scheme === undefined) return false;
  throw new HashbrookError("usage", `${JSON.stringify(url)}: is no delta log`, {
    hint: "give a directory, or kafka://HOST:PORT[,HOST:PORT…]/TOPIC",
  });
}

/**
 * Opens the writing end of the delta log at `url`: a directory, or kafka://HOST:PORT[,HOST:PORT…]/TOPIC (made where it is
 * missing).
 * @throws HashbrookError usage; kafka_…
 */
export async function openSink(url: string, writer: WriterFacts): Promise<DeltaSink> {
  if (!isTopic(url)) return new DirectorySink(url, writer);
  const { kafka, topic } = kafkaUrl(url);
  return KafkaSink.open(kafka, topic, writer);
}

/**
 * Opens the reading end of the delta log at `url`; it need not be there yet.
 * @throws HashbrookError usage
 */
export function openFollow(url: string): DeltaSource {
  if (!isTopic(url)) return new DirectorySource(url);
  const { kafka, topic } = kafkaUrl(url);
  return new KafkaSource(kafka, topic);
}
