// Binary events on a real broker: the model is that of the same values as JSON.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import avsc from "avsc";
import fastify from "fastify";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Rng } from "../../src/core/rng.js";
import type { KafkaRecord } from "../../src/sources/kafka/producer.js";
import { report, run, temporary } from "../e2e/hashbrook.js";
import { describeKafka } from "./harness.js";
import { training } from "./trainers.js";

const schema = {
  type: "record",
  name: "Click",
  fields: [
    { name: "label", type: "int" },
    { name: "user", type: "string" },
    { name: "price", type: ["null", "double"] },
  ],
} as const;
const PROTO =
  'syntax = "proto3"; package shop; message Click { int32 label = 1; string user = 2; optional double price = 3; }';
const GUID = "00112233445566778899aabbccddeeff";

const specOf = (events: string): string => `name: clicks
events: { ${events} }
fields:
  - { name: user, type: categorical, table: users }
  - { name: price, type: numeric }
tables: { users: { encoding: hash, rows: 256, dim: 2 } }
tower: deep_crossing
train: { batch: 64 }
`;

interface Click {
  readonly label: number;
  readonly user: string;
  readonly price: number | null;
}

function clicks(count: number): Click[] {
  const rng = new Rng(5);
  return Array.from({ length: count }, () => ({
    label: rng.below(2),
    user: `u${rng.below(50)}`,
    price: rng.below(5) === 0 ? null : rng.below(1000) / 8,
  }));
}

/** A click in Protobuf's wire format. */
function protobuf({ label, user, price }: Click): Buffer {
  const number = Buffer.alloc(8);
  number.writeDoubleLE(price ?? 0);
  const parts = [label ? Buffer.of(8, label) : Buffer.of(), Buffer.of(0x12, user.length), Buffer.from(user)];
  return Buffer.concat([...parts, ...(price === null ? [] : [Buffer.of(0x19), number])]);
}

describeKafka("a topic of binary events", (kafka) => {
  const server = fastify();
  let registry = "";
  beforeAll(async () => {
    server.get("/schemas/ids/1", async () => ({ schema: JSON.stringify(schema) }));
    server.get("/schemas/ids/2", async () => ({ schema: PROTO, schemaType: "PROTOBUF" }));
    server.get("/schemas/guids/:guid", async () => ({ schema: PROTO, schemaType: "PROTOBUF" }));
    registry = await server.listen({ host: "127.0.0.1", port: 0 });
  });
  afterAll(() => server.close());

  const framed = (id: number, ...parts: Buffer[]) => Buffer.concat([Buffer.from([0, 0, 0, 0, id]), ...parts]);
  const type = avsc.Type.forSchema(schema as unknown as avsc.Schema, { wrapUnions: false });
  const header = { __value_schema_id: Buffer.from(`01${GUID}00`, "hex") };
  const written: Record<string, (click: Click, i: number) => KafkaRecord> = {
    json: (click: Click) => ({ value: JSON.stringify(click) }),
    avro: (click: Click) => ({ value: framed(1, type.toBuffer(click)) }),
    protobuf: (click: Click, i: number) =>
      i % 2 ? { value: protobuf(click), headers: header } : { value: framed(2, Buffer.of(0), protobuf(click)) },
  };

  it("trains the same model as JSON, using the schemas of a registry, and is read again without the registry", async () => {
    const events = clicks(600);
    const learned: unknown[] = [];
    for (const format of ["json", "avro", "protobuf"] as const) {
      const folder = temporary();
      const model = join(folder, "spec.yaml");
      writeFileSync(model, specOf(`format: ${format}`));
      const topic = await kafka.topic(1);
      const send = (part: readonly Click[]) =>
        kafka.produce(topic, [...part.map(written[format]), { key: "gone", value: null }]);
      await send(events.slice(0, 400));
      const args = [...training(kafka, topic, join(folder, "run"), { model, group: "none" }), "--until", "end"];
      const first = await report([...args, "--schema-registry", registry]);
      await send(events.slice(400));
      const { examples, tombstones, auc, logloss, rejected } = await report([...args, "--resume"]);
      learned.push({ first: first.logloss, examples, tombstones, auc, logloss, rejected });
    }
    expect(learned[0]).toMatchObject({ examples: 600, tombstones: 2, rejected: 0 });
    expect(learned.slice(1)).toEqual([learned[0], learned[0]]);
  });

  it("trains the same model from CloudEvents, in structured mode and in binary mode with data of any format", async () => {
    const attributes = (i: number) => ({
      specversion: "1.0",
      id: `e${i}`,
      source: "/shop",
      type: i % 5 ? "click" : "view",
    });
    const inHeaders = (i: number) =>
      Object.fromEntries(Object.entries(attributes(i)).map(([name, text]) => [`ce_${name}`, text]));
    const binary = (format: string) => (click: Click, i: number) => {
      const { value, headers } = written[format](click, i);
      return { value, headers: { ...inHeaders(i), ...headers } };
    };
    const structured = (click: Click, i: number) => ({
      value: JSON.stringify({ ...attributes(i), data: click }),
      headers: { "content-type": "application/cloudevents+json; charset=UTF-8" },
    });
    const modes = [
      ["json", structured],
      ["json", (click: Click, i: number) => (i % 2 ? structured : binary("json"))(click, i)],
      ["avro", binary("avro")],
      ["protobuf", binary("protobuf")],
    ] as const;
    const events = clicks(400);
    const learned: unknown[] = [];
    for (const [format, mode] of modes) {
      const folder = temporary();
      const model = join(folder, "spec.yaml");
      writeFileSync(
        model,
        specOf(`format: ${format}, envelope: cloudevents, id: .id, type: { from: .type, is: click }`),
      );
      const topic = await kafka.topic(1);
      const sent = events.map(mode);
      await kafka.produce(topic, [...sent, ...sent.slice(0, 50), { key: "gone", value: null }]);
      const args = [...training(kafka, topic, join(folder, "run"), { model, group: "none" }), "--until", "end"];
      const { examples, tombstones, auc, logloss, rejected, duplicates } = await report([
        ...args,
        ...(format === "json" ? [] : ["--schema-registry", registry]),
      ]);
      learned.push({ examples, tombstones, auc, logloss, rejected, duplicates });
    }
    expect(learned[0]).toMatchObject({ examples: 320, tombstones: 1, rejected: 0, duplicates: 40 });
    expect(learned.slice(1)).toEqual([learned[0], learned[0], learned[0]]);
  });

  it("reports that a registry is required if events name their schemas", async () => {
    const topic = await kafka.topic(1);
    await kafka.produce(topic, clicks(3).map(written.avro));
    const model = join(temporary(), "spec.yaml");
    writeFileSync(model, specOf("format: avro"));
    const args = [...training(kafka, topic, temporary(), { model, group: "none" }), "--until", "end"];
    const { status, stderr } = await run(args);
    expect([status, stderr]).toEqual([2, expect.stringContaining("--schema-registry URL")]);
  });
});
