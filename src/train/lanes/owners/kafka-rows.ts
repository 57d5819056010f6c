import type { KafkaLog } from "../../../sources/kafka/kafka-log.js";
import type { TopicSpec } from "../../../sources/kafka/open-topic.js";
import { KafkaProducer, type KafkaRecord } from "../../../sources/kafka/producer.js";
import { Gathered } from "../gathered.js";
import { beginWhole, joinWhole, makeWhole, REQUEST_BYTES } from "../whole-topic.js";
import { nameOf, type Push, placeOf } from "./push.js";

const WAIT_MS = 20;

/** Name of the topic of pushes, lanes' contributions to shards: partition s is for shard s of every table. */
export const rowsTopic = (roundsTopic: string): string => `${roundsTopic}.rows`;

/** Creates the topic if it is missing. @throws HashbrookError usage if it has another number of partitions */
const made = (spec: TopicSpec, topic: string, count: number): Promise<void> =>
  makeWhole(spec, topic, {
    count,
    of: "shards",
    hint: "name another topic with --rounds-topic: the topic of rows is created beside it",
  });

/** Sends lanes' pushes to the owners of the shards. */
export class PushSender {
  private readonly producer: KafkaProducer;
  private readonly pushes: Gathered<KafkaRecord>;

  private constructor(producer: KafkaProducer) {
    this.producer = producer;
    this.pushes = new Gathered((records) => producer.send(records));
  }

  static async open(spec: TopicSpec, topic: string, shards: number): Promise<PushSender> {
    await made(spec, topic, shards);
    return new PushSender(await KafkaProducer.open(spec.kafka, topic, { batchBytes: REQUEST_BYTES }));
  }

  /** Resolves when the brokers have acknowledged all of them. */
  send(pushes: readonly Push[]): Promise<void> {
    return this.pushes.send(pushes.map(({ bytes, shard }) => ({ value: bytes, partition: shard })));
  }

  close(): Promise<void> {
    return this.producer.close();
  }
}

/** Identifies a push named by a lane's record. */
export interface WantedPush {
  readonly round: number;
  readonly lane: number;
  readonly shard: number;
  readonly name: string;
}

/** Reads lanes' pushes to the shards of one owner. */
export class PushReader {
  private readonly log: KafkaLog;
  private round = 0;
  /** Pushes to `round` and later rounds that have been read, by shard and name. */
  private read = new Map<string, Uint8Array>();

  private constructor(log: KafkaLog) {
    this.log = log;
  }

  /** @param holds selects the shards to read @throws HashbrookError offsets_lost if the first messages were deleted */
  static async open(
    spec: TopicSpec,
    topic: string,
    shards: number,
    holds: (shard: number) => boolean,
  ): Promise<PushReader> {
    await made(spec, topic, shards);
    const log = await joinWhole(spec, topic, holds);
    await beginWhole(log);
    return new PushReader(log);
  }

  /** Waits for pushes; lanes send them before the records that name them. @returns their bytes; null if stopped */
  async all(round: number, wanted: readonly WantedPush[], stop: AbortSignal): Promise<readonly Uint8Array[] | null> {
    this.round = round;
    const found: Uint8Array[] = [];
    for (const { shard, name } of wanted) {
      const id = `${shard} ${name}`;
      while (!this.read.has(id)) {
        if (stop.aborted) return null;
        if (!this.take(shard)) await this.log.wait(WAIT_MS);
      }
      found.push(this.read.get(id)!);
    }
    for (const [id, bytes] of this.read) if (placeOf(bytes).round <= round) this.read.delete(id);
    return found;
  }

  /** Stores the pushes of the partition's next chunk. @returns false if none has been fetched */
  private take(shard: number): boolean {
    const head = this.log.head(shard);
    if (!head) return false;
    const { messages } = head;
    for (let i = 0; i < messages.length; i++) {
      const bytes = messages.bytes.subarray(messages.starts[i], messages.ends[i]);
      if (placeOf(bytes).round >= this.round) this.read.set(`${shard} ${nameOf(bytes)}`, new Uint8Array(bytes));
    }
    this.log.shift(shard);
    return true;
  }

  close(): Promise<void> {
    return this.log.close();
  }
}
