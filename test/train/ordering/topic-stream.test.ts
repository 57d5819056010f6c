import { expect, it } from "vitest";
import { Decoder } from "../../../src/decode/decoder.js";
import { parseSpec } from "../../../src/spec/parse.js";
import { Merge } from "../../../src/train/ordering/merge.js";
import { decodedMessages } from "../../../src/train/ordering/topic-stream.js";
import { MemoryLog } from "../memory-log.js";

const SPEC = parseSpec(
  `name: t
events: { format: tsv, columns: [label, a] }
label: { field: label }
fields: [{ name: a, type: categorical, table: w }]
tables: { w: { encoding: hash, rows: 64 } }
tower: lr
`,
  "t.yaml",
);

/** Messages, rows and rejects of every batch; the log delivers `chunk` messages at a time. */
async function batches(log: MemoryLog, messages: number, chunk: number): Promise<number[][]> {
  const decoder = new Decoder(SPEC, { capacity: 64 });
  const start = { topic: "events", offsets: [], turn: 0, taken: 0, messages: 0 };
  const merge = new Merge(log, start, [], [BigInt(messages)]);
  log.wait = async () => void log.deliver(0, chunk);
  const buffer = () => new ArrayBuffer(decoder.layout.bytes);
  const options = { limit: Number.POSITIVE_INFINITY, lingerMs: 1e9, clock: { now: () => 0 }, buffer };
  const seen: number[][] = [];
  for await (const { position, rows, rejects } of decodedMessages(log, merge, decoder, options)) {
    seen.push([(position as { messages: number }).messages, rows, rejects.length]);
  }
  return seen;
}

it("messages available when the log failed come before the error: from all partitions, in batches that a replay reproduces", async () => {
  const log = new MemoryLog(3);
  for (let i = 0; i < 300; i++) log.append(i % 3, `${i % 2}\tx`);
  const decoder = new Decoder(SPEC, { capacity: 64 });
  const start = { topic: "events", offsets: [], turn: 0, taken: 0, messages: 0 };
  const merge = new Merge(log, start);
  const failure = new Error("the topic is gone");
  log.wait = async () => {
    if (log.failure) throw log.failure;
    // Partition 0 has delivered nothing yet when the connection breaks.
    for (const partition of [1, 2]) log.deliver(partition, 50);
    log.failure = failure;
  };
  const buffer = () => new ArrayBuffer(decoder.layout.bytes);
  const options = { limit: Number.POSITIVE_INFINITY, lingerMs: 1e9, clock: { now: () => 0 }, buffer };
  const seen: number[] = [];
  const decided: string[] = [];
  const reading = (async () => {
    for await (const { rows, decisions } of decodedMessages(log, merge, decoder, options)) {
      seen.push(rows);
      decided.push(...decisions.map(({ kind, at }) => `${kind} ${at}`));
    }
  })();
  await expect(reading).rejects.toBe(failure);
  expect(seen).toEqual([64, 36]);
  expect(merge.position.offsets).toEqual(["0", "50", "50"]);
  expect(decided).toEqual(["partitions 0", "turn 0", "turn 50", "close 100"]);
});

function logOf(count: number, text: (i: number) => string): MemoryLog {
  const log = new MemoryLog(1);
  for (let i = 0; i < count; i++) log.append(0, text(i));
  return log;
}

it("a topic of only malformed or empty messages proceeds batch by batch", async () => {
  for (const [text, rejected] of [
    ["poison", true],
    ["", false],
  ] as const) {
    const seen = await batches(
      logOf(150_000, () => text),
      150_000,
      9_999,
    );
    expect(seen.map(([messages]) => messages)).toEqual([65_536, 131_072, 150_000]);
    expect(
      seen.every(([, rows, rejects], i) => rows === 0 && rejects === (rejected ? [65_536, 65_536, 18_928][i] : 0)),
    );
  }
});

it("large rejected messages close a batch by their bytes, at the same position however they arrive", async () => {
  const events = (i: number) => (i % 50 === 0 ? "1\tx" : "p".repeat(1 << 20));
  const [one, other] = [await batches(logOf(200, events), 200, 7), await batches(logOf(200, events), 200, 200)];
  expect(one).toEqual(other);
  expect(one.map(([messages]) => messages)).toEqual([66, 131, 196, 200]);
  expect(one.reduce((sum, [, rows]) => sum + rows, 0)).toBe(4);
});

it("offsets without messages that no message follows are reported by an empty batch, once, when the topic is idle", async () => {
  const log = logOf(10, () => "1\tx");
  const decoder = new Decoder(SPEC, { capacity: 64 });
  const start = { topic: "events", offsets: [], turn: 0, taken: 0, messages: 0 };
  const merge = new Merge(log, start);
  const failure = new Error("the topic is gone");
  let now = 0;
  const steps = [
    () => log.deliver(0),
    () => {},
    () => log.deliverGap(0, 2),
    () => log.deliverGap(0, 2),
    () => {},
    () => {
      log.failure = failure;
    },
  ];
  log.wait = async () => {
    if (log.failure) throw log.failure;
    now += 600;
    steps.shift()!();
  };
  const buffer = () => new ArrayBuffer(decoder.layout.bytes);
  const options = { limit: Number.POSITIVE_INFINITY, lingerMs: 50, clock: { now: () => now }, buffer };
  const seen: unknown[] = [];
  const reading = (async () => {
    for await (const batch of decodedMessages(log, merge, decoder, { ...options, reportsGaps: true }))
      seen.push([now, batch.rows, batch.position, batch.decisions.map(({ kind }) => kind)]);
  })();
  await expect(reading).rejects.toBe(failure);
  const at = (offset: string) => expect.objectContaining({ offsets: [offset], messages: 10 });
  expect(seen).toEqual([
    [1200, 10, at("10"), ["partitions", "close"]],
    [2400, 0, at("14"), []],
  ]);
});
