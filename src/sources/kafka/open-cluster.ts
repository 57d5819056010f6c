import { FETCH, PROMPT, type TopicCluster } from "./cluster.js";
import type { KafkaLogOptions } from "./kafka-log-options.js";
import { KafkajsCluster } from "./kafkajs-cluster.js";

/** Connects to a topic with the client library of the options. */
export async function openCluster({ client, kafka, topic, prompt }: KafkaLogOptions): Promise<TopicCluster> {
  const size = prompt ? PROMPT : FETCH;
  if (client !== "platformatic") return KafkajsCluster.open(kafka, topic, size);
  const { PlatformaticCluster } = await import("./platformatic-cluster.js");
  return PlatformaticCluster.open(kafka, topic, size);
}
