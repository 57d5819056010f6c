import { setTimeout as sleep } from "node:timers/promises";
import { checkArguments } from "../../core/arguments.js";
import { type Clock, systemClock } from "../../core/clock.js";
import { HashbrookError } from "../../core/errors.js";
import { openSource } from "../source.js";
import { withAdmin } from "./admin.js";
import type { Compression, KafkaOptions } from "./client.js";
import { chunksOfLines } from "./lines.js";
import { keyFrom } from "./message-key.js";
import { KafkaProducer, type KafkaRecord } from "./producer.js";

/** What to send, and where to. */
export interface ProduceOptions {
  /** The cluster. */
  readonly kafka: KafkaOptions;
  /** The topic to send to. */
  readonly topic: string;
  /** As `train --data` takes it: files, patterns, "-", simulate:ROWS[:SEED[:FORMAT]]. */
  readonly data: readonly string[];
  /** Messages per second, evenly spaced. Default: as fast as the cluster accepts them. */
  readonly rate?: number;
  /** Maximum number of messages. Default: all. */
  readonly limit?: number;
  /** Number of partitions with which the topic is created if it is missing. */
  readonly partitions?: number;
  /**
   * Column or JSON member to use as the message key (which decides the partition). Default: no key, partitions in turn.
   */
  readonly key?: string;
  /** Leaves out the first line of every file. Default false. */
  readonly skipHeader?: boolean;
  /** Default "none". */
  readonly compression?: Compression;
  /** Stops sending early; what was sent is reported. */
  readonly signal?: AbortSignal;
  /** Called after every batch. */
  readonly onProgress?: (sent: Produced) => void;
  /** @internal Clock for `rate` and `seconds`. Default: the system's. */
  readonly clock?: Clock;
}

/** What was sent so far. */
export interface Produced {
  /** The topic's name. */
  readonly topic: string;
  /** Number of partitions the topic has. */
  readonly partitions: number;
  /** Messages that were sent. */
  readonly messages: number;
  /** Bytes of the messages' values. */
  readonly bytes: number;
  /** Duration of the sending. */
  readonly seconds: number;
  /** Rounded to a whole number. */
  readonly messages_per_second: number;
}

/** What was sent in all. */
export interface ProduceReport extends Produced {
  /** "end" of the data or of `limit`, or "stopped" by the signal. */
  readonly ended_by: "end" | "stopped";
}

const TICK_MS = 20;
/** Messages per send if there is no rate. */
const RUN = 5000;

/**
 * Sends every line of the data as one message with the current time, in order within each partition.
 * @throws HashbrookError kafka_unreachable, kafka_auth, kafka_topic_missing, kafka_failed; source_missing,
 *   source_unreadable; usage
 */
export async function produce(options: ProduceOptions): Promise<ProduceReport> {
  checkArguments("produce", options, { kafka: "kafka", topic: "text", data: "texts" });
  const { kafka, topic, rate } = options;
  if (rate !== undefined && !(rate > 0)) throw new HashbrookError("usage", "--rate: must be above 0");
  const source = openSource(options.data);
  const partitions = await partitionsFor(options);
  const producer = await KafkaProducer.open(kafka, topic, { compression: options.compression ?? "none" });
  const pace = new Pace(options, partitions);
  try {
    for await (const records of runs(options, source, partitions))
      if (!(await pace.send(records, producer))) return { ...pace.produced(), ended_by: "stopped" };
    return { ...pace.produced(), ended_by: "end" };
  } finally {
    await source.close();
    await producer.close();
  }
}

async function partitionsFor({ kafka, topic, partitions }: ProduceOptions): Promise<number> {
  return withAdmin(kafka, async (admin) => {
    if (partitions !== undefined) await admin.createTopic(topic, partitions);
    return admin.partitionsOf(topic);
  });
}

/** The data as records, some thousand at a time. */
async function* runs(
  { key, limit = Number.POSITIVE_INFINITY, data, skipHeader }: ProduceOptions,
  source: ReturnType<typeof openSource>,
  partitions: number,
): AsyncGenerator<KafkaRecord[]> {
  if (data.length === 0 || limit === 0) return;
  const keyOf = key === undefined ? null : keyFrom(key);
  let count = 0;
  const record = (value: Uint8Array): KafkaRecord => {
    const name = keyOf?.(value) ?? null;
    const partition = count++ % partitions;
    return name === null ? { value, partition } : { value, key: name };
  };
  for await (const lines of chunksOfLines(source, skipHeader)) {
    for (let from = 0; from < lines.length; from += RUN) {
      yield lines.slice(from, Math.min(from + RUN, from + limit - count)).map(record);
      if (count >= limit) return;
    }
  }
}

/** Sends at the requested rate, and counts. */
class Pace {
  private readonly options: ProduceOptions;
  private readonly partitions: number;
  private readonly clock: Clock;
  private readonly started: number;
  private messages = 0;
  private bytes = 0;

  constructor(options: ProduceOptions, partitions: number) {
    this.options = options;
    this.partitions = partitions;
    this.clock = options.clock ?? systemClock;
    this.started = this.clock.now();
  }

  /** @returns false if it was stopped before all were sent */
  async send(records: readonly KafkaRecord[], producer: KafkaProducer): Promise<boolean> {
    for (let from = 0; from < records.length; ) {
      if (this.options.signal?.aborted) return false;
      const due = this.due();
      if (due === 0) {
        await sleep(TICK_MS, undefined, { signal: this.options.signal }).catch(() => {});
        continue;
      }
      const now = records.slice(from, from + due);
      await producer.send(now);
      from += now.length;
      this.messages += now.length;
      for (const { value } of now) this.bytes += value?.length ?? 0;
      this.options.onProgress?.(this.produced());
    }
    return true;
  }

  /** Messages that are due by now and have not been sent. */
  private due(): number {
    const { rate } = this.options;
    if (rate === undefined) return RUN;
    const elapsed = this.clock.now() - this.started + TICK_MS;
    return Math.max(0, Math.floor((elapsed * rate) / 1000) - this.messages);
  }

  produced(): Produced {
    const seconds = (this.clock.now() - this.started) / 1000;
    const rate = seconds > 0 ? Math.round(this.messages / seconds) : 0;
    const { topic } = this.options;
    return {
      topic,
      partitions: this.partitions,
      messages: this.messages,
      bytes: this.bytes,
      seconds,
      messages_per_second: rate,
    };
  }
}
