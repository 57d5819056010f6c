// CloudEvents in binary mode equal those of structured mode, for any headers and data.
import avsc from "avsc";
import { describe, expect, it } from "vitest";
import { Decoder } from "../../../src/decode/decoder.js";
import { gather, type Messages } from "../../../src/sources/messages.js";
import type { CompiledSpec } from "../../../src/spec/compiled.js";
import { specHash } from "../../../src/spec/hash.js";
import { parseSpec } from "../../../src/spec/parse.js";
import { structured } from "../../../src/train/ordering/cloud-event.js";
import { decodeMessage } from "../../../src/train/ordering/decode-message.js";
import { rowsOf } from "../../decode/feed.js";
import { nestedSpec } from "../../decode/nested-spec.js";
import fc from "../../properties.js";

type Headers = Readonly<Record<string, string | Buffer | null>>;

const varint = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]);
const sized = (bytes: Buffer | null) =>
  bytes ? Buffer.concat([Buffer.from(varint(2 * bytes.length)), bytes]) : Buffer.of(1);

/** A message as in a record batch: no key, a value, headers. */
function message(value: string | Buffer | null, headers: Headers): Messages {
  const bytesOf = (text: string | Buffer | null) => (text === null ? null : Buffer.from(text as string));
  const pairs = Object.entries(headers).flatMap(([name, text]) => [sized(Buffer.from(name)), sized(bytesOf(text))]);
  const written = sized(bytesOf(value));
  const bytes = Buffer.concat([Buffer.of(1), written, Buffer.from(varint(2 * Object.keys(headers).length)), ...pairs]);
  const all = gather([{ offset: 7, time: 0, value: null }]);
  all.ends[0] = 1 + written.length;
  all.starts[0] = all.ends[0] - Buffer.byteLength(value ?? "");
  return { ...all, bytes, keysAt: Uint32Array.of(0) };
}

const specOf = (events: string) => nestedSpec(events, "{ field: clicked, time: .time }");
const spec = specOf("{ format: json, envelope: cloudevents, id: .id, type: { from: .type, is: shop.click } }");

function decode(of: CompiledSpec, all: readonly Messages[]) {
  const decoder = new Decoder(of, { capacity: 16 });
  for (const one of all) decodeMessage(decoder, one, 0);
  const { batch, rejects } = decoder.take();
  const places = rejects.map(({ code, column, offset }) => ({ code, column, offset }));
  return { rows: rowsOf(of, batch), rejects: places };
}

const attributes = {
  specversion: "1.0",
  id: "e1",
  source: "/shop",
  type: "shop.click",
  time: "2026-11-29T08:00:00.5Z",
};
const data = { clicked: 1, user: { id: "ü1" }, price: 2.5 };
const headersOf = (all: Headers): Headers => ({
  "content-type": "application/json",
  ...Object.fromEntries(Object.entries(all).map(([name, text]) => [`ce_${name}`, text])),
});
const binary = (value: string | null = JSON.stringify(data), all: Headers = attributes) =>
  message(value, headersOf(all));
const whole = (all: object = attributes) => JSON.stringify({ ...all, data });

it("decode to the same rows in both modes, with the attributes of their headers", () => {
  const plain = message(whole(), { "content-type": "application/cloudevents+json; charset=UTF-8" });
  const { rows, rejects } = decode(spec, [plain, binary(), message(whole(), {})]);
  expect(rejects).toEqual([]);
  expect(rows).toHaveLength(3);
  expect(rows[0]).toMatchObject({ label: 1, time: Date.UTC(2026, 10, 29, 8, 0, 0, 500), numbers: [2.5] });
  expect(rows[1]).toEqual(rows[0]);
  expect(rows[2]).toEqual(rows[0]);
});

it("with a structured content type are read in structured mode, even with ce_ headers", () => {
  const both = message(whole(), {
    ...headersOf({ id: "other", specversion: "1.0" }),
    "content-type": "Application/CloudEvents+json",
  });
  expect(structured(both, 0)).toBeUndefined();
  expect(decode(spec, [both])).toEqual(decode(spec, [message(whole(), {})]));
});

it("of another type are skipped, and those without data are not events", () => {
  expect(decode(spec, [binary(undefined, { ...attributes, type: "shop.view" }), binary(null), binary("")])).toEqual({
    rows: [],
    rejects: [],
  });
});

it("without a time or an id, or whose data are not JSON, are rejected with their position", () => {
  const { time: _, ...timeless } = attributes;
  const { id: __, ...nameless } = attributes;
  const parts = [
    binary(undefined, timeless),
    binary(undefined, nameless),
    binary("clicked"),
    binary('{"clicked":1},"x":{}'),
  ];
  expect(decode(spec, parts)).toEqual({
    rows: [],
    rejects: [
      { code: "missing_time", column: ".time", offset: 7 },
      { code: "missing_id", column: ".id", offset: 7 },
      { code: "bad_json", column: "", offset: 7 },
      { code: "bad_json", column: "", offset: 7 },
    ],
  });
});

it("accept any text for attributes, and read data only from the value", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.oneof(fc.string({ unit: "grapheme" }), fc.constant(null))),
      fc.json(),
      (extra, value) => {
        const event = structured(
          message(value, { ...headersOf({ ...extra, data: "1", data_base64: "2" }), ce_specversion: "1.0" }),
          0,
        );
        const { data: found, ...attributesOf } = JSON.parse(Buffer.from(event!).toString());
        expect(JSON.stringify(found)).toBe(JSON.stringify(JSON.parse(value)));
        expect(attributesOf.data_base64).toBeUndefined();
        expect(attributesOf.datacontenttype).toBe("application/json");
      },
    ),
  );
});

it("are ignored by a spec without the envelope", () => {
  const within = specOf("{ format: json, within: data, id: .id }");
  expect(decode(within, [binary()]).rows).toEqual([]);
  expect(decode(within, [message(whole(), {})]).rows).toHaveLength(1);
  expect(specHash(within)).not.toBe(specHash(specOf("{ format: json, envelope: cloudevents, id: .id }")));
});

const avroSchema = {
  type: "record",
  name: "CloudEvent",
  fields: [
    { name: "clicked", type: "int" },
    {
      name: "user",
      type: { type: "record", name: "User", fields: [{ name: "id", type: "string" }] },
    },
    { name: "price", type: ["null", "double"] },
  ],
} as const;
const PROTO =
  'syntax = "proto3"; message Other { int32 x = 1; } message Click { int32 clicked = 1; User user = 2; double price = 3; message User { string id = 1; } }';
const avroData = avsc.Type.forSchema(avroSchema as unknown as avsc.Schema, { wrapUnions: false }).toBuffer(data);
const protoData = Buffer.concat([Buffer.from([8, 1, 18, 5, 10, 3]), Buffer.from("ü1"), Buffer.of(25), double(2.5)]);
const GUID = "00112233-4455-6677-8899-aabbccddeeff";
const frame = Buffer.of(0, 0, 0, 0, 7);

function double(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
}

describe.each([
  { format: "avro", text: JSON.stringify(avroSchema), body: avroData, places: Buffer.of(), more: "" },
  // Count 1, index 1: the second message.
  { format: "protobuf", text: PROTO, body: protoData, places: Buffer.of(2, 2), more: ", message: Click" },
])("with data in $format", ({ format, text, body, places, more }) => {
  const read = "envelope: cloudevents, id: .id, type: { from: .type, is: shop.click }";
  const schema = `schema: ${JSON.stringify(text)}${more}`;
  const inSpec = specOf(`{ format: ${format}, ${schema}, ${read} }`);
  const registered = specOf(`{ format: ${format}, ${read} }`);
  const framed = Buffer.concat([frame, places, body]);
  const headers = (all: Headers) => ({ ...headersOf(all), "content-type": `application/${format}` });

  function decodeAll(of: CompiledSpec, all: readonly Messages[]) {
    const decoder = new Decoder(of, { capacity: 16 });
    if (of === registered) for (const id of ["7", GUID]) decoder.schemas!.add(id, { text, references: [] });
    for (const one of all) decodeMessage(decoder, one, 0);
    const { batch, rejects } = decoder.take();
    return { rows: rowsOf(of, batch), codes: rejects.map(({ code, column }) => `${code} ${column}`.trim()) };
  }
  const json = decode(spec, [binary()]).rows;

  it("decode to the rows of JSON, by the spec's schema or one referenced by the message", () => {
    const beside = (hex: string) =>
      message(body, { ...headers(attributes), __value_schema_id: Buffer.from(hex + places.toString("hex"), "hex") });
    const bare = message(body, headers(attributes));
    expect(decodeAll(inSpec, [bare])).toEqual({ rows: json, codes: [] });
    const named = [message(framed, headers(attributes)), beside("0000000007"), beside(`01${GUID.replaceAll("-", "")}`)];
    const { rows, codes } = decodeAll(registered, named);
    expect(codes).toEqual([]);
    expect(rows).toEqual(named.map(() => json[0]));
  });

  it("of another type are skipped; without an id, a mode or a known schema they are rejected", () => {
    const { id: _, ...nameless } = attributes;
    const passed = message(body, headers({ ...attributes, type: "shop.view" }));
    const refused = [
      message(body, headers(nameless)),
      message(whole(), { "content-type": "application/cloudevents+json" }),
      message(body, {}),
      message(body.subarray(1), headers(attributes)),
    ];
    expect(decodeAll(inSpec, [passed, message(null, headers(attributes)), ...refused])).toEqual({
      rows: [],
      codes: ["missing_id .id", "unknown_schema", "unknown_schema", `bad_${format}`],
    });
    expect(decodeAll(registered, [message(body, headers(attributes))]).codes).toEqual(["unknown_schema"]);
  });

  it("may have any attributes, and within data whatever the schema allows", () => {
    const of = (id: string, user: string) => () =>
      parseSpec(
        `name: c\nevents: { format: ${format}, ${schema}, envelope: cloudevents, id: ${id} }\nlabel: { field: clicked }\nfields:\n  - { name: u, type: numeric, from: ${user} }\ntower: deep_crossing\n`,
        "t.yaml",
      );
    expect(of(".traceparent", "price")).not.toThrow();
    expect(of(".id", "prise")).toThrow('the schema has no "prise"');
    expect(of(".a.b", "price")).toThrow('the schema has no ".a.b"');
  });
});

it.each([
  ["{ format: json, envelope: cloudevents, within: data }", "events.within: cannot be used with envelope"],
  ["{ format: tsv, columns: [clicked, price], envelope: cloudevents }", "events.envelope: has no effect for tsv"],
])("%s is refused", (events, why) => {
  expect(() => specOf(events)).toThrow(why);
});
