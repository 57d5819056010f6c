import type { KafkaLog } from "../../../sources/kafka/kafka-log.js";
import type { TopicSpec } from "../../../sources/kafka/open-topic.js";
import { KafkaProducer, type KafkaRecord } from "../../../sources/kafka/producer.js";
import { Gathered } from "../gathered.js";
import { beginWhole, joinWhole, makeWhole, REQUEST_BYTES } from "../whole-topic.js";
import { nameOf, type Push, placeOf } from "./push.js";

const WAIT_MS = 20;

/** The topic that carries what lanes bring to shards: partition s for the shards of number s. */
export const rowsTopic = (roundsTopic: string): string => `${roundsTopic}.rows`;

/** Makes the topic where it is not there. */
const made = (spec: TopicSpec, topic: string, count: number): Promise<void> =>
  makeWhole(spec, topic, {
    count,
    of: "shards",
    hint: "name another topic with --rounds-topic: that of rows is made beside it",
  });

/** Sends what lanes bring to shards. */
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

  /** Until the brokers have all of them. */
  send(pushes: readonly Push[]): Promise<void> {
    return this.pushes.send(pushes.map(({ bytes, shard }) => ({ value: bytes, partition: shard })));
  }

  close(): Promise<void> {
    return this.producer.close();
  }
}

/** A push that is wanted. */
export interface WantedPush {
  readonly round: number;
  readonly lane: number;
  readonly shard: number;
  readonly name: string;
}

/** Reads what lanes bring to the shards of one owner. */
export class PushReader {
  private readonly log: KafkaLog;
  private round = 0;
  /** What was read of this round and later ones, by shard and name. */
  private read = new Map<string, Uint8Array>();

  private constructor(log: KafkaLog) {
    this.log = log;
  }

  /** @param holds the shards that are read @throws offsets_lost where the first messages are gone */
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

  /** Waits until all are read: whoever names a push has sent it before. @returns their bytes; null: stopped */
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

  /** Takes a chunk, if there is one. */
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
