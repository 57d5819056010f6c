import { createRequire } from "node:module";
import kafkajs from "kafkajs";
import { expect, it } from "vitest";
import { crc32c } from "../../../src/kernels/hash.js";
import { registerCodecs } from "../../../src/sources/kafka/codecs.js";
import { headerOf, partsOf } from "../../../src/sources/kafka/message-parts.js";
import { decodeBatch } from "../../../src/sources/kafka/record-batch.js";
import fc from "../../properties.js";

// kafkajs's own writer and reader of record batches are the reference.
const require = createRequire(import.meta.url);
const { RecordBatch } = require("kafkajs/src/protocol/recordBatch/v0");
const Record = require("kafkajs/src/protocol/recordBatch/record/v0");
const Decoder = require("kafkajs/src/protocol/decoder");
const decodeTheirs = require("kafkajs/src/protocol/recordBatch/v0/decoder");
const { lookupCodecByAttributes } = require("kafkajs/src/protocol/message/compression");
registerCodecs();

interface Written {
  readonly value: Buffer | null;
  readonly key: Buffer | null;
  readonly headers: { [name: string]: Buffer };
  /** Relative to the previous record. */
  readonly later: number;
  readonly gap: number;
}

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((found) => Buffer.from(found));
const written: fc.Arbitrary<Written> = fc.record({
  value: fc.option(bytes(300)),
  key: fc.option(bytes(20)),
  headers: fc.dictionary(fc.string({ maxLength: 5 }), bytes(5), { maxKeys: 3 }),
  later: fc.integer({ min: -5, max: 5_000_000_000 }),
  gap: fc.integer({ min: 0, max: 3 }),
});
const FIRST_TIME = 1_700_000_000_000;

async function encode(records: readonly Written[], first: bigint, compression = 0): Promise<Buffer> {
  let time = 0;
  let offset = -1;
  const encoded = records.map(({ value, key, headers, later, gap }) => {
    time += later;
    offset += 1 + gap;
    return Record({ offsetDelta: offset, timestampDelta: time, key, value, headers });
  });
  const batch = await RecordBatch({
    firstOffset: first,
    firstTimestamp: FIRST_TIME,
    maxTimestamp: FIRST_TIME + time,
    lastOffsetDelta: Math.max(0, offset),
    producerId: 77n,
    transactional: records.length % 2 === 0,
    compression,
    records: encoded,
  });
  return batch.buffer;
}

it("decodes what kafkajs writes as kafkajs does", async () => {
  const compressions = fc.constantFrom(0, kafkajs.CompressionTypes.GZIP, kafkajs.CompressionTypes.Snappy);
  const first = fc.bigInt({ min: 0n, max: 1n << 52n });
  await fc.assert(
    fc.asyncProperty(
      fc.array(written, { minLength: 1, maxLength: 50 }),
      first,
      compressions,
      async (records, first, type) => {
        const buffer = await encode(records, first, type);
        const theirs = (await decodeTheirs(new Decoder(buffer))).records;
        const source = { buffer, offset: 0 };
        const ours = (await decodeBatch(source, lookupCodecByAttributes))!;
        expect(source.offset).toBe(buffer.length);
        expect(ours.offset).toBe(theirs.at(-1).offset);
        expect(ours.batchContext).toEqual({
          producerId: theirs[0].batchContext.producerId,
          inTransaction: theirs[0].batchContext.inTransaction,
        });
        const { starts, ends, offsets, times, length } = ours.records;
        const found = Array.from({ length }, (_, i) => ({
          offset: String(offsets[i]),
          timestamp: String(times[i]),
          value: Buffer.from(ours.records.bytes.slice(starts[i], ends[i])),
        }));
        for (const [i, { key, value, headers }] of records.entries()) {
          const parts = partsOf(ours.records, i);
          expect([parts.key, parts.value].map((part) => part && Buffer.from(part))).toEqual([key, value]);
          expect(parts.headers.map(([name, text]) => [name, Buffer.from(text!)])).toEqual(Object.entries(headers));
          for (const name of [...Object.keys(headers), "none"])
            expect(headerOf(ours.records, i, name)).toEqual(parts.headers.find(([key]) => key === name)?.[1]);
        }
        const wanted = theirs.map(
          ({ offset, timestamp, value }: { offset: string; timestamp: string; value: Buffer }) => ({
            offset,
            timestamp,
            value: value ?? Buffer.alloc(0),
          }),
        );
        expect(found).toEqual(wanted);
      },
    ),
    { numRuns: 60 },
  );
});

it("computes kafkajs's checksum for any length", () => {
  const theirs = require("kafkajs/src/protocol/recordBatch/crc32C");
  const bytes = Buffer.from(Array.from({ length: (1 << 20) + 40 }, (_, i) => (i * 2654435761) >>> 24));
  for (const length of [0, 1, 15, 16, 17, 63, 1 << 20, bytes.length])
    expect(crc32c(bytes.subarray(0, length))).toBe(theirs(bytes.subarray(0, length)));
});

it("leaves an incomplete batch at the end of a response to the next fetch", async () => {
  const whole = await encode([{ value: Buffer.from("x"), key: null, headers: {}, later: 0, gap: 0 }], 5n);
  for (let length = 49; length < whole.length; length++) {
    await expect(decodeBatch({ buffer: whole.subarray(0, length), offset: 0 }, () => null)).rejects.toMatchObject({
      name: "KafkaJSPartialMessageError",
    });
  }
});

it("reports a damaged batch, and no events of it, whichever bit is flipped", async () => {
  const record = { value: Buffer.from("a value"), key: null, headers: {}, later: 1, gap: 0 };
  const whole = await encode([record, record, record], 5n);
  expect((await decodeBatch({ buffer: whole, offset: 0 }, () => null)).damage).toBeNull();
  // Offset, length, leader epoch and the format's number are not covered by the checksum.
  for (let bit = 8 * 17; bit < 8 * whole.length; bit++) {
    const buffer = Buffer.from(whole);
    buffer[bit >> 3] ^= 1 << (bit & 7);
    const source = { buffer, offset: 0 };
    const { damage, records } = await decodeBatch(source, () => null);
    expect([damage, records.length, source.offset]).toEqual(["checksum mismatch", 0, buffer.length]);
  }
});

it("reports a batch that its producer wrote wrong, with a valid checksum", async () => {
  const record = { value: Buffer.from("a value"), key: null, headers: {}, later: 1, gap: 0 };
  const whole = await encode([record, record, record], 5n);
  const lengthOfFirst = 61;
  const damage = [
    [lengthOfFirst, 0x7e], // its length reaches into the next record
    [lengthOfFirst + 5, 0x7e], // its value is longer than the record
    [60, 0x7f], // many more records than there are bytes
  ];
  for (const [at, byte] of damage) {
    const buffer = Buffer.from(whole);
    buffer[at] = byte;
    buffer.writeUInt32BE(crc32c(buffer.subarray(21)), 17);
    expect((await decodeBatch({ buffer, offset: 0 }, () => null)).damage).toMatch(/record count exceeds|extends past/);
  }
  const short = Buffer.from(whole);
  short.writeInt32BE(20, 8);
  expect((await decodeBatch({ buffer: short, offset: 0 }, () => null)).damage).toMatch(/length/);
});

it("passes control batches and their keys to kafkajs", async () => {
  const marker = {
    value: Buffer.from([0, 0, 0, 0, 0, 0]),
    key: Buffer.from([0, 0, 0, 0]),
    headers: {},
    later: 0,
    gap: 0,
  };
  const buffer = await encode([marker], 9n);
  buffer.writeInt16BE(0x30, 21);
  buffer.writeUInt32BE(crc32c(buffer.subarray(21)), 17);
  const batch = (await decodeBatch({ buffer, offset: 0 }, () => null))!;
  expect(batch).toMatchObject({ offset: "9", isControlRecord: true, batchContext: { inTransaction: true } });
  expect(batch.key).toEqual(marker.key);
});
