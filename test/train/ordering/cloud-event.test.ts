// CloudEvents in binary mode are those of structured mode, whatever the headers and the data.
import { expect, it } from "vitest";
import { Decoder } from "../../../src/decode/decoder.js";
import { gather, type Messages } from "../../../src/sources/messages.js";
import type { CompiledSpec } from "../../../src/spec/compiled.js";
import { specHash } from "../../../src/spec/hash.js";
import { structured } from "../../../src/train/ordering/cloud-event.js";
import { decodeMessage } from "../../../src/train/ordering/decode-message.js";
import { rowsOf } from "../../decode/feed.js";
import { nestedSpec } from "../../decode/nested-spec.js";
import fc from "../../properties.js";

type Headers = Readonly<Record<string, string | null>>;

const varint = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]);
const sized = (bytes: Buffer | null) =>
  bytes ? Buffer.concat([Buffer.from(varint(2 * bytes.length)), bytes]) : Buffer.of(1);

/** A message as a record batch has it: no key, a value, headers. */
function message(value: string | null, headers: Headers): Messages {
  const bytesOf = (text: string | null) => (text === null ? null : Buffer.from(text));
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
  const told = rejects.map(({ code, column, offset }) => ({ code, column, offset }));
  return { rows: rowsOf(of, batch), rejects: told };
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

it("in both modes are the same rows, with the attributes of their headers", () => {
  const plain = message(whole(), { "content-type": "application/cloudevents+json; charset=UTF-8" });
  const { rows, rejects } = decode(spec, [plain, binary(), message(whole(), {})]);
  expect(rejects).toEqual([]);
  expect(rows).toHaveLength(3);
  expect(rows[0]).toMatchObject({ label: 1, time: Date.UTC(2026, 10, 29, 8, 0, 0, 500), numbers: [2.5] });
  expect(rows[1]).toEqual(rows[0]);
  expect(rows[2]).toEqual(rows[0]);
});

it("that name a structured content type beside ce_ headers are in structured mode, as they stand", () => {
  const both = message(whole(), {
    ...headersOf({ id: "other", specversion: "1.0" }),
    "content-type": "Application/CloudEvents+json",
  });
  expect(structured(both, 0)).toBeUndefined();
  expect(decode(spec, [both])).toEqual(decode(spec, [message(whole(), {})]));
});

it("of another type are passed over, and those with nothing in them are no events", () => {
  expect(decode(spec, [binary(undefined, { ...attributes, type: "shop.view" }), binary(null), binary("")])).toEqual({
    rows: [],
    rejects: [],
  });
});

it("that lack a time or an id, or whose data are no JSON, are rejected at their place", () => {
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

it("take any texts for attributes, and never anything for data but the value", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.oneof(fc.string({ unit: "grapheme" }), fc.constant(null))),
      fc.json(),
      (extra, value) => {
        const event = structured(
          message(value, { ...headersOf({ ...extra, data: "1", data_base64: "2" }), ce_specversion: "1.0" }),
          0,
        );
        const { data: found, ...told } = JSON.parse(Buffer.from(event!).toString());
        expect(JSON.stringify(found)).toBe(JSON.stringify(JSON.parse(value)));
        expect(told.data_base64).toBeUndefined();
        expect(told.datacontenttype).toBe("application/json");
      },
    ),
  );
});

it("of a spec without the envelope are read as before", () => {
  const within = specOf("{ format: json, within: data, id: .id }");
  expect(decode(within, [binary()]).rows).toEqual([]);
  expect(decode(within, [message(whole(), {})]).rows).toHaveLength(1);
  expect(specHash(within)).not.toBe(specHash(specOf("{ format: json, envelope: cloudevents, id: .id }")));
});

it.each([
  ["{ format: json, envelope: cloudevents, within: data }", "events.within: says a second time where the values are"],
  ["{ format: tsv, columns: [clicked, price], envelope: cloudevents }", "events.envelope: has no meaning for tsv"],
])("%s is refused", (events, why) => {
  expect(() => specOf(events)).toThrow(why);
});
