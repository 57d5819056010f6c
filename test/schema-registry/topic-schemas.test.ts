// Events that name their schemas: the registry is a server with the two routes of the real ones.
import avsc from "avsc";
import fastify, { type FastifyInstance } from "fastify";
import { afterEach, expect, it } from "vitest";
import { Decoder } from "../../src/decode/decoder.js";
import { registryOptions, SchemaRegistry } from "../../src/schema-registry/registry.js";
import { type KnownSchemas, TopicSchemas } from "../../src/schema-registry/topic-schemas.js";
import { gather, type Messages } from "../../src/sources/messages.js";
import { parseSpec } from "../../src/spec/parse.js";
import { Merge } from "../../src/train/ordering/merge.js";
import { schemaHeader } from "../../src/train/ordering/schema-header.js";
import { decodedMessages } from "../../src/train/ordering/topic-stream.js";
import { MemoryLog } from "../train/memory-log.js";

const SPEC = parseSpec(
  `name: t
events: { format: avro }
label: { field: label }
fields: [{ name: a, type: categorical, from: user.id, table: w }]
tables: { w: { encoding: hash, rows: 64 } }
tower: lr
`,
  "t.yaml",
);

const user = { type: "record", name: "User", fields: [{ name: "id", type: "string" }] };
const first = {
  type: "record",
  name: "E",
  fields: [
    { name: "label", type: "int" },
    { name: "user", type: user },
  ],
};
const second = {
  type: "record",
  name: "E",
  fields: [
    { name: "more", type: "double" },
    { name: "user", type: ["null", "User"] },
    { name: "label", type: "int" },
  ],
};
const GUID = "00112233-4455-6677-8899-aabbccddeeff";

const USER_PROTO = 'syntax = "proto3"; package people; message User { string id = 1; }';
const PROTO = `syntax = "proto3";
import "user.proto"; // what a user is
message Other {}
message E { int32 label = 2; people.User user = 9; message Inner { E e = 1; int32 label = 2; people.User user = 3; } }`;

const bodyOf = {
  1: (label: number, id: string) => avsc.Type.forSchema(first as avsc.Schema).toBuffer({ label, user: { id } }),
  2: (label: number, id: string) => {
    const whole = structuredClone(second) as { fields: { type: unknown }[] };
    whole.fields[1].type = ["null", user];
    return avsc.Type.forSchema(whole as unknown as avsc.Schema, { wrapUnions: false }).toBuffer({
      label,
      more: 0.5,
      user: { id },
    });
  },
};

const framed = (id: number, body: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, 0, id]), body]);

const servers: FastifyInstance[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

/** @param status status of the first `failures` responses */
async function registry({
  failures = 0,
  status = 500,
  authorization = "",
} = {}): Promise<{ url: string; asked: string[] }> {
  const server = fastify();
  servers.push(server);
  const asked: string[] = [];
  server.addHook("onRequest", async (request, reply) => {
    asked.push(request.url);
    if (asked.length <= failures) await reply.code(status).send({ error_code: 50001, message: "not now" });
    else if (authorization && request.headers.authorization !== authorization) await reply.code(401).send({});
  });
  const references = [{ name: "User", subject: "user", version: 3 }];
  server.get("/schemas/ids/1", async () => ({ schema: JSON.stringify(first) }));
  server.get("/schemas/ids/2", async () => ({ schema: JSON.stringify(second), references }));
  server.get("/schemas/ids/3", async () => ({ schema: "syntax = 'proto3';", schemaType: "PROTOBUF" }));
  const imported = [{ name: "user.proto", subject: "user.proto", version: 1 }];
  server.get("/schemas/ids/4", async () => ({ schema: PROTO, schemaType: "PROTOBUF", references: imported }));
  server.get("/subjects/user.proto/versions/1", async () => ({ schema: USER_PROTO, schemaType: "PROTOBUF" }));
  server.get(`/schemas/guids/${GUID}`, async () => ({ schema: JSON.stringify(first) }));
  server.get("/subjects/user/versions/3", async () => ({ schema: JSON.stringify(user) }));
  server.setNotFoundHandler(
    (_, reply) => void reply.code(404).send({ error_code: 40403, message: "Schema not found" }),
  );
  return { url: await server.listen({ host: "127.0.0.1", port: 0 }), asked };
}

function logOf(messages: readonly Buffer[]): MemoryLog {
  const log = new MemoryLog(1);
  for (const message of messages) log.append(0, message);
  return log;
}

/** The decoded content of a topic: labels, reject codes, and the schemas that a checkpoint would store. */
async function decode(
  messages: readonly Buffer[],
  url: string | undefined,
  known: KnownSchemas = {},
  mostUnknown = 9,
  spec = SPEC,
) {
  const decoder = new Decoder(spec, { capacity: 64 });
  const options = url === undefined ? undefined : { ...registryOptions(url, {}), retries: 2 };
  const schemas = new TopicSchemas(decoder.schemas!, options, known, mostUnknown);
  const start = { topic: "events", offsets: [], turn: 0, taken: 0, messages: 0 };
  const log = logOf(messages);
  const merge = new Merge(log, start, [], [BigInt(messages.length)]);
  const buffer = () => new ArrayBuffer(decoder.layout.bytes);
  const reading = { limit: Number.POSITIVE_INFINITY, lingerMs: 1e9, clock: { now: () => 0 }, buffer, schemas };
  const found = { rows: 0, rejects: [] as string[], schemas: {} as KnownSchemas };
  for await (const batch of decodedMessages(log, merge, decoder, reading)) {
    found.rows += batch.rows;
    found.rejects.push(...batch.rejects.map(({ code }) => code));
    found.schemas = { ...found.schemas, ...batch.schemas };
  }
  return found;
}

const events = [framed(1, bodyOf[1](1, "a")), framed(2, bodyOf[2](0, "b")), framed(1, bodyOf[1](0, "c"))];

it("decodes events with the schemas they name, requests each once, and reuses them without a registry", async () => {
  const { url, asked } = await registry();
  const read = await decode(events, url);
  expect(read.rows).toBe(3);
  expect(asked).toEqual(["/schemas/ids/1", "/schemas/ids/2", "/subjects/user/versions/3"]);
  expect(Object.keys(read.schemas)).toEqual(["1", "2"]);
  const again = await decode(events, undefined, JSON.parse(JSON.stringify(read.schemas)));
  expect(again).toEqual(read);
});

it("rejects events with no schema id, an unknown one or one of another kind, and does not request it again", async () => {
  const { url, asked } = await registry();
  const odd = [
    framed(9, bodyOf[1](1, "a")),
    framed(9, bodyOf[1](1, "a")),
    framed(3, Buffer.of(1)),
    Buffer.from("{}"),
    Buffer.of(0),
  ];
  const read = await decode([...odd, ...events], url);
  expect(read.rows).toBe(3);
  expect(read.rejects).toEqual(Array(5).fill("unknown_schema"));
  expect(asked.filter((path) => path === "/schemas/ids/9")).toHaveLength(1);
  expect(read.schemas["9"]).toBeNull();
});

it("retries if the registry fails, and reports a permanent failure or denied access", async () => {
  const flaky = await registry({ failures: 2, status: 503 });
  expect((await decode(events, flaky.url)).rows).toBe(3);
  const down = await registry({ failures: 99 });
  await expect(decode(events, down.url)).rejects.toMatchObject({
    code: "schema_registry_failed",
    message: expect.stringContaining("HTTP 500"),
  });
  await expect(decode(events, "http://127.0.0.1:1")).rejects.toMatchObject({ code: "schema_registry_failed" });
  const { url } = await registry({ authorization: `Basic ${Buffer.from("u:p").toString("base64")}` });
  await expect(decode(events, url)).rejects.toMatchObject({
    code: "schema_registry_failed",
    hint: expect.stringContaining("SCHEMA_REGISTRY_USERNAME"),
  });
  const options = registryOptions(url, { SCHEMA_REGISTRY_USERNAME: "u", SCHEMA_REGISTRY_PASSWORD: "p" });
  expect((await new SchemaRegistry(options).schema("1"))?.text).toBe(JSON.stringify(first));
  await expect(decode(events, undefined)).rejects.toMatchObject({ code: "usage" });
  expect(() => registryOptions("ftp://x", {})).toThrow("invalid schema registry URL");
  for (const address of ["https://u:hush@x", "https://:hush@x", "u:hush@x:8081", "https://x?token=hush"])
    expect(() => registryOptions(address, {})).toThrow(/^((?!hush).)*\*\*\*((?!hush).)*invalid schema registry URL$/);
});

it("requests again, when resumed, a schema that was registered after events had named it", async () => {
  const { url, asked } = await registry();
  const known = { "1": { text: JSON.stringify(first), references: [] }, "2": null };
  const read = await decode([...events, framed(9, Buffer.of(1))], url, known);
  expect(read).toMatchObject({ rows: 3, rejects: ["unknown_schema"] });
  expect(asked).toEqual(["/schemas/ids/2", "/subjects/user/versions/3", "/schemas/ids/9"]);
  expect(read.schemas["2"]).toMatchObject({ text: JSON.stringify(second) });
  expect(await decode(events, undefined, known)).toMatchObject({ rows: 2, rejects: ["unknown_schema"] });
});

it("stays bounded if every message names another unknown schema", async () => {
  const { url, asked } = await registry();
  const hostile = Array.from({ length: 200 }, (_, i) => framed(i + 10, Buffer.of(1)));
  const read = await decode([...events, ...hostile, ...events], url, {}, 20);
  expect(read.rows).toBe(6);
  expect(read.rejects).toEqual(Array(200).fill("unknown_schema"));
  expect(asked.filter((path) => /ids\/\d\d+$/.test(path))).toHaveLength(20);
  expect(Object.keys(read.schemas)).toHaveLength(22);
  expect(await decode([...events, ...hostile, ...events], undefined, read.schemas, 20)).toEqual(read);
});

it("does not mistake the 404 of a wrong base path for an unknown schema", async () => {
  const failure = { code: "schema_registry_failed", message: expect.stringContaining("HTTP 404") };
  const elsewhere = fastify();
  servers.push(elsewhere);
  const wrong = await elsewhere.listen({ host: "127.0.0.1", port: 0 });
  await expect(decode(events, wrong)).rejects.toMatchObject(failure);
  await expect(new SchemaRegistry({ url: wrong }).schema(GUID)).rejects.toMatchObject(failure);
});

/** A message as in a record batch: no key, a value, one header. */
function withHeader(value: Buffer, name: string, header: Buffer): Messages {
  const sized = (bytes: Buffer) => Buffer.concat([Buffer.of(2 * bytes.length), bytes]);
  const bytes = Buffer.concat([Buffer.of(1), sized(value), Buffer.of(2), sized(Buffer.from(name)), sized(header)]);
  const all = gather([{ offset: 0, time: 0, value }]);
  all.starts[0] = 2;
  all.ends[0] = 2 + value.length;
  return { ...all, bytes, keysAt: Uint32Array.of(0) };
}

it("finds an id in a header, as a GUID or a number", async () => {
  const { url } = await registry();
  const value = bodyOf[1](1, "a");
  const guid = Buffer.from(`01${GUID.replaceAll("-", "")}`, "hex");
  expect(schemaHeader(withHeader(value, "other", guid), 0)).toBeUndefined();
  expect(schemaHeader(withHeader(value, "__value_schema_id", Buffer.from([0, 0, 0, 1, 2])), 0)).toBe("258");
  const which = withHeader(value, "__value_schema_id", Buffer.concat([guid, Buffer.from([2, 4])]));
  expect(schemaHeader(which, 0)).toBe(`${GUID}:0204`);
  const messages = withHeader(value, "__value_schema_id", guid);
  expect(schemaHeader(messages, 0)).toBe(GUID);
  const decoder = new Decoder(SPEC, { capacity: 4 });
  const schemas = new TopicSchemas(decoder.schemas!, registryOptions(url, {}), {});
  await schemas.need(messages, [0, 1], schemaHeader);
  decoder.message(messages.bytes, messages.starts[0], messages.ends[0], 0, GUID);
  expect(decoder.rows).toBe(1);
  expect(Object.keys(decoder.schemas!.takeNamed())).toEqual([GUID]);
});

it("decodes Protobuf with the message type that events name, and reuses it without a registry", async () => {
  const { url, asked } = await registry();
  const spec = { ...SPEC, events: { ...SPEC.events, format: "protobuf" as const } };
  const body = (hex: string) => Buffer.from(hex, "hex");
  const messages = [
    framed(4, body("020210014a030a0161")),
    framed(4, body("04020010011a030a0161")),
    framed(1, body("00")),
  ];
  const read = await decode(messages, url, {}, 9, spec);
  expect(read).toMatchObject({ rows: 2, rejects: ["unknown_schema"] });
  expect(asked).toEqual(["/schemas/ids/4", "/subjects/user.proto/versions/1", "/schemas/ids/1"]);
  expect(read.schemas["4"]).toEqual({ text: PROTO, references: [USER_PROTO] });
  expect(await decode(messages, undefined, JSON.parse(JSON.stringify(read.schemas)), 9, spec)).toEqual(read);
});
