// Protobuf events: batches must equal those of the JSON that @bufbuild/protobuf decodes.
import { describe, expect, it } from "vitest";
import { Decoder } from "../../src/decode/decoder.js";
import fc from "../properties.js";
import { bag, categorical, damaged, decodersOf, framed, messages, messagesBy, numeric, specsOf } from "./binary.js";
import { drawnEvents, jsonOfEvent } from "./proto-values.js";

const runs = Number(process.env.HASHBROOK_FUZZ ?? 400);

// Of 100,000 schemas it takes minutes.
it("decodes events of random schemas like the JSON from @bufbuild/protobuf", {
  timeout: 120_000 + 10 * runs,
}, () => {
  const decoders = Array.from({ length: 12 }, (_, i) => decodersOf("protobuf", i));
  let id = 0;
  let accepted = 0;
  fc.assert(
    fc.property(fc.integer(), fc.nat(11), (seed, which) => {
      const { json, binary, spec } = decoders[which];
      const { schema, events } = drawnEvents(seed);
      binary.schemas!.add(String(++id), { text: schema.text, references: [] });
      const written = events.map((event) => framed(id, Buffer.concat([Buffer.of(0), event])));
      const texts = events.map((event) => jsonOfEvent(schema, event));
      const expected = messagesBy(
        json,
        spec,
        texts.map((text) => Buffer.from(text)),
      );
      expect({ ...messagesBy(binary, spec, written), schema: schema.text, texts }).toEqual({
        ...expected,
        schema: schema.text,
        texts,
      });
      accepted += expected.rows.length;
    }),
    { numRuns: runs },
  );
  expect(accepted).toBeGreaterThan(runs / 4);
});

describe("with a fixed schema", () => {
  const schema = `
syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
// A click.
message Click {
  int32 label = 1;
  google.protobuf.Timestamp time = 2;
  User user = 3;
  repeated string tags = 4;
  optional double price = 5;
  Kind kind = 6;
  oneof from { string page = 7; User friend = 8; }
  map<string, int64> counts = 9;
  google.protobuf.Int64Value age = 3000;
  message User { string id = 1; int32 age = 2; repeated int32 seen = 3 [packed = true]; }
}
enum Kind { A = 0; B = 1; }
message Other { Click click = 1; message Inner { string label = 1; } }
`;
  const fields = [
    categorical("user.id"),
    numeric("user.age"),
    bag("user.seen"),
    bag("tags"),
    numeric("price"),
    categorical("kind"),
    categorical("friend.id"),
    categorical("counts.a"),
    numeric("age"),
  ];
  const spec = specsOf({ format: "protobuf", schema }, fields, "label").binary;
  const bytes = (hex: string) => Buffer.from(hex.replace(/ /g, ""), "hex");
  /** label 1, a time, a user (u1, 41, seen 5 and 300), tags a and b, price 2.5, kind B, friend f, counts a: 7, age 9. */
  const whole = bytes(
    "0801 120b08c0dcc5b206108094ef3a 1a0b0a02753110291a0305ac02 220161 220162 290000000000000440 3001 42030a0166 4a050a01611007 c2bb01020809",
  );
  it("reads every value, and absent ones as their default, or as missing if presence is tracked", () => {
    const timed = { ...spec, label: { ...spec.label, time: { from: "time", unit: "ms" } as const } };
    const { rows, rejects } = messages(timed, [
      whole,
      bytes("0801 1200 1a00"),
      bytes("0801 1200 1a00 3a0170 42030a0166 3a00"),
    ]);
    expect(rejects).toEqual([]);
    expect(rows.map(({ time }) => time)).toEqual([1_716_612_672_123.456, 0, 0]);
    expect(rows.map(({ numbers }) => numbers)).toEqual([
      [41, 2.5, 9],
      [0, Number.NaN, Number.NaN],
      [0, Number.NaN, Number.NaN],
    ]);
    const items = rows.map(({ bags }) => new Set(bags.map(({ keys }) => keys.length)));
    expect(items).toEqual([new Set([2]), new Set([0]), new Set([0])]);
    // The friend is present, but the page comes after it.
    expect(rows[2].keys).toEqual(rows[1].keys);
    expect(rows[0].keys).not.toEqual(rows[1].keys);
  });

  it("merges the parts of a message, and uses the last of repeated values", () => {
    const earlier = bytes("0800 1a04 0a027530 1a02 100a 30ff01");
    const { rows: repeated } = messages(spec, [Buffer.concat([earlier, whole])], true);
    expect(repeated).toEqual(messages(spec, [whole], true).rows);
    const { rows } = messages(
      spec,
      [bytes("0801 1a04 0a027531 1a02 1005 1a03 1a0105 1a02 1029 1a03 18ac02 4a05 0a01611007")],
      true,
    );
    expect(rows[0].numbers[0]).toBe(41);
    expect(rows[0].bags[0].keys).toEqual(messages(spec, [whole], true).rows[0].bags[0].keys);
    expect(rows[0].keys[0][0]).toEqual(messages(spec, [whole], true).rows[0].keys[0][0]);
  });

  it.each([
    ["string", String.raw`"\303\251\u20ac\U0001f600 \x41\n\""`, 'é€😀 A\n"'],
    ["string", "'ü' \"\\x62\"", "üb"],
    ["int32", "010", "8"],
    ["sint64", "-0777777777777777777777", "-9223372036854775807"],
    ["uint64", "0xffffffffffffffff", "18446744073709551615"],
  ])("reads a default of %s, %s, as .proto files define it", (type, written, meant) => {
    const text = (rest: string) => `syntax = "proto2"; message E { optional int32 label = 1; optional ${rest}; }`;
    const keysOf = (schema: string, event: Buffer) =>
      messages(specsOf({ format: "protobuf", schema }, [categorical("s")], "label").binary, [event]).rows[0].keys;
    const value = Buffer.from(meant);
    const event = Buffer.concat([bytes("0801 12"), Buffer.of(value.length), value]);
    expect(keysOf(text(`${type} s = 2 [default = ${written}]`), bytes("0801"))).toEqual(
      keysOf(text("string s = 2"), event),
    );
  });

  it("rejects or decodes any bytes, and continues", () => {
    const good = messages(spec, [whole], true);
    expect(good.rows.length).toBe(1);
    const { decoded, codes } = damaged(spec, whole);
    expect(decoded).toBeGreaterThan(256);
    expect(codes).toEqual(["bad_protobuf", "bad_utf8", "number_out_of_range", "unknown_label"]);
    expect(messages(spec, [whole], true)).toEqual(good);
  });

  it("terminates on unbounded nesting, and on lists that are overwritten repeatedly", () => {
    const chain =
      "syntax = 'proto3'; message C { int32 label = 1; C next = 2; repeated C all = 3; repeated int32 a = 4; repeated int32 b = 5; }";
    const deep = (times: number) =>
      Array.from({ length: times }).reduce<Buffer>((inner) => {
        const size = inner.length < 128 ? [inner.length] : [(inner.length & 127) | 128, inner.length >> 7];
        return Buffer.concat([Buffer.of(0x1a, ...size), inner]);
      }, Buffer.alloc(0));
    const kept = specsOf({ format: "protobuf", schema: chain }, [bag("all"), bag("a"), bag("b")], "label").binary;
    const codesOf = (event: Uint8Array) =>
      messages(kept, [Buffer.concat([bytes("0801"), event])], true).rejects.map(({ code }) => code);
    expect(codesOf(deep(200))).toEqual(["bad_protobuf"]);
    expect(codesOf(Buffer.alloc(4000, 0x0b))).toEqual(["bad_protobuf"]);
    expect(codesOf(Buffer.concat(Array.from({ length: 20_000 }, () => bytes("2001 2801"))))).toEqual(["row_too_long"]);
  });

  it("finds an event's message type in its schema", () => {
    const { schema: _, ...events } = spec.events;
    const framedSpec = { ...spec, events };
    const decoder = new Decoder(framedSpec, { capacity: 8, requireLabel: false });
    decoder.schemas!.add("7", { text: schema, references: [] });
    const decode = (places: string, body: Buffer, named?: string) => {
      const event = named === undefined ? framed(7, Buffer.concat([bytes(places), body])) : body;
      decoder.message(event, 0, event.length, 0, named);
      const { batch, rejects } = decoder.take();
      return [batch.rows, ...rejects.map(({ code }) => code)];
    };
    expect(decode("00", whole)).toEqual([1]);
    expect(decode("0200", whole)).toEqual([1]);
    expect(decode("0202", bytes("0a020801"))).toEqual([1]);
    expect(decode("040200", bytes("0a0131"))).toEqual([1]);
    expect(decode("0204", whole)).toEqual([0, "unknown_schema"]);
    expect(decode("", Buffer.alloc(0))).toEqual([0, "unknown_schema"]);
    expect(decode("ffffffffff", whole)).toEqual([0, "unknown_schema"]);
    expect(decode("", whole, "7")).toEqual([1]);
    expect(decode("", bytes("0a0131"), "7:040200")).toEqual([1]);
    expect(decode("", whole, "7:0204")).toEqual([0, "unknown_schema"]);
  });
});
