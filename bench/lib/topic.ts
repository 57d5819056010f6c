import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { withAdmin } from "../../src/sources/kafka/admin.js";
import type { KafkaOptions } from "../../src/sources/kafka/client.js";
import { KafkaProducer } from "../../src/sources/kafka/producer.js";

/** Creates a topic of a file's lines, distributed round-robin. */
export async function load(
  kafka: KafkaOptions,
  topic: string,
  file: string,
  partitions: number,
): Promise<{ messages: number; bytes: number }> {
  await withAdmin(kafka, (admin) => admin.createTopic(topic, partitions, { "retention.ms": "-1" }));
  const producer = await KafkaProducer.open(kafka, topic);
  let records: { value: string; partition: number }[] = [];
  let messages = 0;
  let bytes = 0;
  for await (const value of createInterface({ input: createReadStream(file) })) {
    records.push({ value, partition: messages++ % partitions });
    bytes += Buffer.byteLength(value);
    if (records.length < 20_000) continue;
    await producer.send(records);
    records = [];
  }
  await producer.send(records);
  await producer.close();
  return { messages, bytes };
}
