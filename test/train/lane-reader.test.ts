import avsc from "avsc";
import fastify from "fastify";
import { expect, it } from "vitest";
import { registryOptions } from "../../src/schema-registry/registry.js";
import type { TopicSpec } from "../../src/sources/kafka/open-topic.js";
import { parseSpec } from "../../src/spec/parse.js";
import { LaneReader, type LaneStart } from "../../src/train/lanes/lane-reader.js";
import { packRecord, recordOf, unpackRecord } from "../../src/train/lanes/record.js";
import { type TrainOptions, trainJob } from "../../src/train/train.js";
import { MemoryLog } from "./memory-log.js";

const specOf = (events: string) =>
  parseSpec(
    `name: t
events: ${events}
label: { field: label }
fields: [{ name: a, type: categorical, table: w }]
tables: { w: { encoding: hash, rows: 64, dim: 4 } }
tower: { deep_crossing: {} }
train: { lanes: 2, round: 8 }
`,
    "t.yaml",
  );

const TSV = specOf("{ format: tsv, columns: [label, a] }");
const topic: TopicSpec = {
  kafka: { brokers: ["localhost:1"] },
  topic: "events",
  group: "g",
  start: { at: "earliest" },
  stop: { at: "end" },
  onLost: "stop",
};

/** A reader of lane 1, which has partition 1 of two; `messages` are in it. */
function readerOf(
  messages: readonly (string | Buffer)[],
  options: Partial<TrainOptions> = {},
  start: Partial<LaneStart> = {},
) {
  const log = new MemoryLog(2);
  for (const message of messages) log.append(1, message);
  log.deliver(1);
  const job = trainJob({ model: TSV, topic, out: "unused", ...options });
  const position = { topic: "events", offsets: ["0"], turn: 0, taken: 0, messages: 0 };
  const stops = [0n, BigInt(messages.length)];
  return new LaneReader(job, log, { lane: 1, position, stops, schemas: {}, ...start });
}

it("rejected messages carry their partition of the topic, and are complete for a dead-letter topic", async () => {
  const deadLetters = { kafka: topic.kafka, topic: "dead" };
  for (const given of [{}, { deadLetters }]) {
    const events = (await readerOf(["1\tx", "what"], given).poll(false))!;
    expect(events.rejects).toMatchObject([{ file: "events[1]", offset: 1 }]);
    expect(events.rejects[0].message !== undefined).toBe("deadLetters" in given);
    if (events.rejects[0].message) expect(Buffer.from(events.rejects[0].message.value!).toString()).toBe("what");
  }
});

it("a round of many large malformed messages is closed before its record exceeds a message", async () => {
  const reader = readerOf(Array.from({ length: 200 }, () => "x".repeat(60_000)));
  const rounds: number[] = [];
  for (;;) {
    const events = (await reader.poll(false))!;
    rounds.push(events.rejects.length);
    expect(events.rejects.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBeLessThan(9 << 20);
    if (events.ended) break;
  }
  expect(rounds.length).toBeGreaterThan(1);
  expect(rounds.reduce((sum, n) => sum + n, 0)).toBe(200);
});

it("reads events with schemas of a registry, and records which ones they reference; those of a checkpoint are not requested again", async () => {
  const schema = {
    type: "record",
    name: "E",
    fields: [
      { name: "label", type: "int" },
      { name: "a", type: "string" },
    ],
  } as const;
  const body = avsc.Type.forSchema(schema as unknown as avsc.Schema).toBuffer({ label: 1, a: "x" });
  const message = Buffer.concat([Buffer.from([0, 0, 0, 0, 7]), body]);
  const server = fastify();
  server.get("/schemas/ids/7", async () => ({ schema: JSON.stringify(schema) }));
  const registry = registryOptions(await server.listen({ host: "127.0.0.1", port: 0 }), {});
  const model = specOf("{ format: avro }");
  const events = (await readerOf([message, message], { model, topic: { ...topic, registry } }).poll(false))!;
  await server.close();
  expect(events.batch.rows).toBe(2);
  expect(events.rejects).toEqual([]);
  expect(Object.keys(events.schemas!)).toEqual(["7"]);
  const nothing = { rows: 0, learned: 0, skipped: 0, weight: 0, positive: 0, squares: 0, tables: [] };
  const floats = new Float32Array();
  const contribution = { ...nothing, logits: floats, dense: floats, numbers: floats, times: new Float64Array() };
  const record = recordOf({ round: 0, lane: 1, digest: "" }, events, { contribution });
  const sent = unpackRecord(packRecord(record));
  expect(sent.schemas).toEqual(events.schemas);
  const resumed = readerOf([message], { model, topic: { ...topic, registry } }, { schemas: sent.schemas });
  expect((await resumed.poll(false))!.batch.rows).toBe(1);
});

it("a round has the requested number of events, and the next one begins after them", async () => {
  const reader = readerOf(Array.from({ length: 14 }, (_, i) => `${i % 2}\tx`));
  const rounds: number[] = [];
  for (const rows of [2, 3, 8, 8]) {
    reader.expect(rows);
    rounds.push((await reader.poll(false))!.batch.rows);
  }
  expect(rounds).toEqual([2, 3, 8, 1]);
});

it("a round read ahead is used if the current one ends before it, and read again if another process ended that one elsewhere", async () => {
  const messages = Array.from({ length: 14 }, (_, i) => `${i % 2}\tx`);
  const at = (offset: number) => ({
    topic: "events",
    offsets: [`${offset}`],
    turn: 0,
    taken: offset,
    messages: offset,
  });
  const ahead = async (end: number) => {
    const reader = readerOf(messages);
    reader.expect(2);
    expect((await reader.poll(false))!.position.offsets).toEqual(["2"]);
    expect((await reader.lookAhead(3))!.position.offsets).toEqual(["5"]);
    expect(reader.atHand).toBe(true);
    const isAt = reader.isAt(at(end));
    if (!isAt) reader.goTo(at(end));
    return { isAt, next: (await reader.poll(false))!.position.offsets[0] };
  };
  expect(await ahead(2)).toEqual({ isAt: true, next: "5" });
  expect(await ahead(6)).toEqual({ isAt: false, next: "9" });
  expect(await ahead(1)).toEqual({ isAt: false, next: "4" });
});
