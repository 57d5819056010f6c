import { withoutSecrets } from "../core/address.js";
import { checkArguments } from "../core/arguments.js";
import { HashbrookError } from "../core/errors.js";
import { isStore, openReader, openStore } from "../object-store/open-store.js";
import { kafkaUrl } from "../sources/kafka/options.js";
import { deltaLogs } from "./defaults.js";
import type { DeltaSink, DeltaSource, WriterFacts } from "./delta-log.js";
import { DirectorySink } from "./directory-sink.js";
import { DirectorySource } from "./directory-source.js";
import { KafkaSink } from "./kafka-sink.js";
import { KafkaSource } from "./kafka-source.js";
import { ObjectSink } from "./object-sink.js";
import { ObjectSource } from "./object-source.js";

/** The kind of delta log of an address. @throws usage for anything else */
function kindOf(url: string): "directory" | "objects" | "topic" {
  if (isStore(url)) return "objects";
  const [, scheme] = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url) ?? [];
  if (scheme === "kafka") return "topic";
  if (url !== "" && scheme === undefined) return "directory";
  throw new HashbrookError("usage", `${JSON.stringify(withoutSecrets(url))}: not an address of a delta log`, {
    hint: `use ${deltaLogs}`,
  });
}

/**
 * Opens the writing end of the delta log at `url`: a directory, kafka://HOST:PORT[,HOST:PORT…]/TOPIC (created if
 * missing), objects:DIR or s3://BUCKET/PREFIX.
 * @throws HashbrookError usage; kafka_…; store_…; log_write if nothing can be written into the directory
 */
export async function openSink(url: string, writer: WriterFacts): Promise<DeltaSink> {
  const kind = kindOf(url);
  if (kind === "directory") return DirectorySink.open(url, writer);
  if (kind === "objects") {
    const store = openStore(url);
    store.tryToWrite?.();
    return ObjectSink.open(store, writer);
  }
  const { kafka, topic } = kafkaUrl(url);
  return KafkaSink.open(kafka, topic, writer);
}

/**
 * Opens the reading end of the delta log at `url`, which may also be an https:// address; it need not exist yet.
 * @throws HashbrookError usage
 */
export function openFollow(url: string): DeltaSource {
  checkArguments("openFollow", { url }, { url: "text" });
  const kind = kindOf(url);
  if (kind === "directory") return new DirectorySource(url);
  if (kind === "objects") return new ObjectSource(openReader(url));
  const { kafka, topic } = kafkaUrl(url);
  return new KafkaSource(kafka, topic);
}
