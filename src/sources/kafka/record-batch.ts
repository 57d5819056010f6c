import { crc32c } from "../../kernels/hash.js";
import { emptyPlaces, type Messages } from "../messages.js";
import { Cursor } from "./cursor.js";

/** The part of kafkajs's fetch-response decoder that is used: the bytes and the read position. */
export interface FetchBytes {
  readonly buffer: Buffer;
  offset: number;
}

export interface Codec {
  decompress(data: Buffer): Promise<Buffer>;
}

/**
 * Bytes of a batch's header; bytes at its start that its length field does not count; bytes before those its checksum
 * covers.
 */
export const HEADER_BYTES = 61;
const UNCOUNTED_BYTES = 12;
const UNCHECKED_BYTES = 21;
const CHECKSUM_AT = 17;
const LOG_APPEND_TIME = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;
/** Minimum size of a record: seven fields of at least one byte. */
const LEAST_RECORD_BYTES = 7;
/** Greater than every requested offset: kafkajs drops batches with smaller ones. */
const BEHIND_ALL = "9223372036854775807";

/**
 * A record batch (Kafka's message format 2) in the form of one kafkajs message, its last one. kafkajs then does its
 * per-message work (retries, offsets, aborted transactions, control records) once per batch, and the content stays
 * bytes.
 */
export interface RecordBatchMessage {
  /** The batch's last offset. */
  readonly offset: string;
  readonly records: Messages;
  /** Why neither the batch nor anything after it can be read; null if it is intact. */
  readonly damage: string | null;
  /** Set for control batches only; kafkajs recognises an abort marker by it. */
  readonly key: Buffer | null;
  readonly isControlRecord: boolean;
  readonly batchContext: { readonly producerId: string; readonly inTransaction: boolean };
}

/**
 * Reads one record batch. A batch without records remains after compaction. A batch that is damaged, by its checksum or
 * its content, ends the response.
 * @throws KafkaJSPartialMessageError for an incomplete batch, as the last one of a response may be
 */
export async function decodeBatch(
  source: FetchBytes,
  codecOf: (attributes: number) => Codec | null,
): Promise<RecordBatchMessage> {
  const { buffer } = source;
  const batch = await wholeBatch(source, codecOf).catch((error: Error) => {
    if (error.name === "KafkaJSPartialMessageError") throw error;
    return damagedBatch(error.message);
  });
  if (batch.damage !== null) source.offset = buffer.length;
  return batch;
}

async function wholeBatch(
  source: FetchBytes,
  codecOf: (attributes: number) => Codec | null,
): Promise<RecordBatchMessage> {
  const { buffer, offset: at } = source;
  const end = at + UNCOUNTED_BYTES + buffer.readInt32BE(at + 8);
  if (end > buffer.length) {
    throw Object.assign(new Error("the response ends within a record batch"), { name: "KafkaJSPartialMessageError" });
  }
  if (end < at + HEADER_BYTES) throw new Error("invalid batch length");
  if (crc32c(buffer.subarray(at + UNCHECKED_BYTES, end)) !== buffer.readUInt32BE(at + CHECKSUM_AT))
    throw new Error("checksum mismatch");
  source.offset = end;
  const attributes = buffer.readInt16BE(at + 21);
  const count = buffer.readInt32BE(at + 57);
  const packed = buffer.subarray(at + HEADER_BYTES, end);
  const bytes = (await codecOf(attributes)?.decompress(packed)) ?? packed;
  const first = Number(buffer.readBigInt64BE(at));
  const isControlRecord = (attributes & CONTROL) !== 0;
  const firstTime = Number(buffer.readBigInt64BE(at + 27));
  const records = readRecords(bytes, count, first, firstTime);
  if (attributes & LOG_APPEND_TIME) records.times.fill(Number(buffer.readBigInt64BE(at + 35)));
  return {
    offset: String(first + buffer.readInt32BE(at + 23)),
    records,
    damage: null,
    key: isControlRecord ? keyOf(bytes) : null,
    isControlRecord,
    batchContext: {
      producerId: String(buffer.readBigInt64BE(at + 43)),
      inTransaction: (attributes & TRANSACTIONAL) !== 0,
    },
  };
}

/**
 * Record => length attributes timestampDelta offsetDelta keyLength key valueLength value headers; numbers are zigzag
 * varints.
 */
function readRecords(bytes: Uint8Array, count: number, first: number, firstTime: number): Messages {
  if (!(count >= 0 && count * LEAST_RECORD_BYTES <= bytes.length))
    throw new Error("record count exceeds the batch's size");
  const places = emptyPlaces(count);
  const { starts, ends, offsets, times } = places;
  const keysAt = new Uint32Array(count);
  const cursor = new Cursor(bytes);
  for (let i = 0; i < count; i++) {
    const end = cursor.varint() + cursor.at;
    cursor.at += 1; // no attributes are defined
    times[i] = firstTime + cursor.varint();
    offsets[i] = first + cursor.varint();
    keysAt[i] = cursor.at;
    const keyLength = cursor.varint();
    cursor.at += Math.max(0, keyLength);
    const length = Math.max(0, cursor.varint());
    starts[i] = cursor.at;
    ends[i] = cursor.at + length;
    if (!(cursor.at + length < end && end <= bytes.length))
      throw new Error("a record extends past the end of the batch");
    cursor.at = end;
  }
  return { ...places, keysAt, bytes };
}

/** The first record's key. */
function keyOf(bytes: Buffer): Buffer | null {
  const cursor = new Cursor(bytes);
  cursor.varint();
  cursor.at += 1;
  cursor.varint();
  cursor.varint();
  const key = cursor.sized();
  return key && Buffer.from(key.buffer, key.byteOffset, key.length);
}

function damagedBatch(damage: string): RecordBatchMessage {
  return {
    offset: BEHIND_ALL,
    records: { ...emptyPlaces(0), bytes: new Uint8Array(0) },
    damage,
    key: null,
    isControlRecord: false,
    batchContext: { producerId: "-1", inTransaction: false },
  };
}
