import { createRequire } from "node:module";
import { HashbrookError } from "../../core/errors.js";
import { crc32c } from "../../kernels/hash.js";
import type { PartitionBatch } from "./partition.js";
import { type Codec, decodeBatch, type FetchBytes, HEADER_BYTES, type RecordBatchMessage } from "./record-batch.js";

/** One partition's part of a fetch response. */
interface PartitionData {
  readonly highWatermark: string;
  /** Offset of the first message of the oldest open transaction; -1: unknown. */
  readonly lastStableOffset?: string;
  readonly abortedTransactions?: readonly AbortedTransaction[] | null;
}

export interface AbortedTransaction {
  readonly producerId: string;
  readonly firstOffset: string;
}

/** The members of kafkajs's Batch that are used. */
interface KafkajsBatch {
  readonly highWatermark: string;
  readonly fetchedOffset: string;
  readonly rawMessages: readonly unknown[];
  messagesWithinOffset: readonly RecordBatchMessage[];
  messages: readonly RecordBatchMessage[];
  lastOffset(): string;
}

/** One partition's part of a fetch response, independent of the client library. */
export interface FetchedPartition {
  readonly partition: number;
  readonly highWatermark: string;
  /** -1: unknown. */
  readonly lastStableOffset: string;
  readonly abortedTransactions: readonly AbortedTransaction[] | null;
  readonly messages: readonly RecordBatchMessage[];
}

/** For messages of older formats, which have no transactions. */
const OLDER = { producerId: "-1", inTransaction: false };
/** An abort marker's key: version 0, type 0. */
const ABORT = Buffer.alloc(4);

/**
 * Replaces parts of kafkajs in this thread. It then returns record batches as messages, and returns every fetch
 * response, also an empty one, so that the reader can compare each with its request. Checksums of what it sends are
 * computed by our kernel. Call this before kafkajs is loaded.
 */
export function readRecordBatches(): void {
  const require = createRequire(import.meta.url);
  if (require.cache[require.resolve("kafkajs")]) throw new HashbrookError("internal", "kafkajs is loaded already");
  replace(require, "kafkajs/src/protocol/recordBatch/crc32C/index.js", () => crc32c);
  const { lookupCodecByAttributes } = require("kafkajs/src/protocol/message/compression");
  replace(require, "kafkajs/src/protocol/recordBatch/v0/decoder.js", () => decoderOf(lookupCodecByAttributes));
  replace(require, "kafkajs/src/consumer/batch.js", fetchedBatchOf);
}

function replace<T, U>(require: NodeJS.Require, path: string, by: (original: T) => U): void {
  const original = require(path) as T;
  require.cache[require.resolve(path)]!.exports = by(original);
}

function decoderOf(codecOf: (attributes: number) => Codec | null) {
  return async (source: FetchBytes) => ({ records: [await decodeBatch(source, codecOf)] });
}

/**
 * kafkajs's batch extended by `end`, the offset up to which it can be read, and `damage`, the reason why nothing after
 * its last offset can be read (null: nothing is damaged). Messages of aborted transactions are left out, which kafkajs
 * itself does incorrectly.
 */
function fetchedBatchOf(Batch: new (topic: string, fetchedOffset: string, data: PartitionData) => KafkajsBatch) {
  return class FetchedBatch extends Batch {
    readonly end: string;
    readonly damage: string | null;

    constructor(topic: string, fetchedOffset: string, data: PartitionData) {
      super(topic, fetchedOffset, { ...data, abortedTransactions: [] });
      const { lastStableOffset = "-1", abortedTransactions } = data;
      this.end = lastStableOffset === "-1" ? data.highWatermark : lastStableOffset;
      // Messages of older formats have no damage.
      const damaged = this.messagesWithinOffset.find(({ damage = null }) => damage !== null);
      this.damage = damaged?.damage ?? null;
      if (damaged) this.messagesWithinOffset = this.messagesWithinOffset.filter((message) => message !== damaged);
      this.messages = committed(this.messagesWithinOffset, abortedTransactions ?? []);
    }

    /** False also for an empty batch, which kafkajs would not pass on otherwise. */
    isEmpty(): boolean {
      return false;
    }

    override lastOffset(): string {
      return this.messagesWithinOffset.length > 0 ? super.lastOffset() : String(BigInt(this.fetchedOffset) - 1n);
    }
  };
}

/**
 * Converts what was fetched of a partition from `offset` on. Record batches that end before `offset` are left out here;
 * KafkaLog drops single messages before it.
 */
export function batchOf(offset: bigint, fetched: FetchedPartition): PartitionBatch {
  const { partition, highWatermark, lastStableOffset, abortedTransactions } = fetched;
  const within = fetched.messages.filter((message) => BigInt(message.offset) >= offset);
  // Messages of older formats have no damage.
  const sound = within.filter(({ damage = null }) => damage === null);
  const last = sound.at(-1)?.offset ?? String(offset - 1n);
  return {
    partition,
    highWatermark,
    fetchedOffset: String(offset),
    end: lastStableOffset === "-1" ? highWatermark : lastStableOffset,
    damage: within.find(({ damage = null }) => damage !== null)?.damage ?? null,
    messages: committed(sound, abortedTransactions ?? []),
    lastOffset: () => last,
  };
}

/** All complete record batches in a partition's fetched bytes. */
export async function batchesIn(
  buffer: Buffer,
  codecOf: (attributes: number) => Codec | null,
): Promise<RecordBatchMessage[]> {
  const source = { buffer, offset: 0 };
  const batches: RecordBatchMessage[] = [];
  try {
    // As Kafka's own readers do, stops when the rest is shorter than a header.
    while (buffer.length - source.offset >= HEADER_BYTES) batches.push(await decodeBatch(source, codecOf));
  } catch (error) {
    if ((error as Error).name !== "KafkaJSPartialMessageError") throw error;
  }
  return batches;
}

/**
 * The record batches that belong to no aborted transaction and are no markers. An aborted transaction of a producer
 * extends from its first offset to the producer's next abort marker. Transactions may overlap; the broker lists them in
 * the order of their ends.
 */
export function committed(
  batches: readonly RecordBatchMessage[],
  aborted: readonly AbortedTransaction[],
): readonly RecordBatchMessage[] {
  const begins = aborted.map(({ producerId, firstOffset }) => ({ producerId, first: BigInt(firstOffset) }));
  begins.sort((a, b) => (a.first < b.first ? -1 : 1));
  const open = new Set<string>();
  let begun = 0;
  return batches.filter(({ offset, isControlRecord, key, batchContext = OLDER }) => {
    for (; begun < begins.length && begins[begun].first <= BigInt(offset); begun++) open.add(begins[begun].producerId);
    const { producerId, inTransaction } = batchContext;
    if (!isControlRecord) return !(inTransaction && open.has(producerId));
    if (key?.equals(ABORT)) open.delete(producerId);
    return false;
  });
}
