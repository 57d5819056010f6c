import { beginTopic, joinTopic } from "../sources/kafka/open-topic.js";
import { kafkaUrl } from "../sources/kafka/options.js";
import { firstFrom } from "../sources/messages.js";
import type { LogLine } from "./log-lines.js";

const WAIT_MS = 100;

/**
 * The messages that a topic has now, one partition after the other: a line is an offset. Nothing is committed.
 * @param url `kafka://HOST:PORT[,HOST:PORT…]/TOPIC`
 * @throws HashbrookError usage, kafka_…, offsets_lost
 */
export async function* linesOfTopic(url: string): AsyncGenerator<readonly LogLine[]> {
  const spec = {
    ...kafkaUrl(url),
    group: null,
    start: { at: "earliest" },
    stop: { at: "end" },
    onLost: "stop",
  } as const;
  const log = await joinTopic(spec, { id: null, named() {} });
  try {
    const { offsets, stops } = await beginTopic(log, spec, null);
    for (const [partition, from] of offsets.entries()) {
      for (let at = from; at < stops![partition]; ) {
        const chunk = log.head(partition);
        if (!chunk) {
          await log.wait(WAIT_MS);
          continue;
        }
        const { bytes, starts, ends, offsets, length } = chunk.messages;
        const file = `${spec.topic}[${partition}]`;
        const lines: LogLine[] = [];
        const end = Math.min(length, firstFrom(chunk.messages, stops![partition]));
        for (let i = firstFrom(chunk.messages, at); i < end; i++)
          if (ends[i] > starts[i])
            lines.push({ file, line: offsets[i], bytes: Buffer.from(bytes.slice(starts[i], ends[i])) });
        if (lines.length > 0) yield lines;
        at = chunk.next;
        log.shift(partition);
      }
    }
  } finally {
    await log.close();
  }
}
