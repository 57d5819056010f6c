// Avro events: a model sees the same values in any format, so batches must equal those of JSON.
import { describe, expect, it } from "vitest";
import type { CompiledField } from "../../src/spec/compiled.js";
import fc from "../properties.js";
import { avscType, drawnRecords, type Schema } from "./avro-values.js";
import { bag, categorical, damaged, decodersOf, framed, messages, messagesBy, numeric, specsOf } from "./binary.js";

const runs = Number(process.env.HASHBROOK_FUZZ ?? 600);

const avroSpecs = (schema: Schema, fields: readonly CompiledField[], label: string) =>
  specsOf({ format: "avro", schema: JSON.stringify(schema) }, fields, label);

it("decodes events of random schemas like the JSON of what avsc encoded", { timeout: 120_000 + 10 * runs }, () => {
  const decoders = Array.from({ length: 12 }, (_, i) => decodersOf("avro", i));
  let id = 0;
  let accepted = 0;
  fc.assert(
    fc.property(drawnRecords, fc.nat(11), ({ schema, values }, which) => {
      const { json, binary: avro, spec } = decoders[which];
      const type = avscType(schema);
      const first = framed(++id, type.toBuffer(values[0].avro));
      avro.schemas!.add(avro.schemas!.missing(first, 0, first.length)!, {
        text: JSON.stringify(schema),
        references: [],
      });
      const events = values.map((value) => framed(id, type.toBuffer(value.avro)));
      const expected = messagesBy(
        json,
        spec,
        values.map((value) => Buffer.from(value.json)),
      );
      expect(messagesBy(avro, spec, events)).toEqual(expected);
      accepted += expected.rows.length;
    }),
    { numRuns: runs },
  );
  expect(accepted).toBeGreaterThan(runs / 4);
});

describe("with a fixed schema", () => {
  const schema = {
    type: "record",
    name: "Click",
    fields: [
      { name: "label", type: "int" },
      { name: "time", type: { type: "long", logicalType: "timestamp-micros" } },
      {
        name: "user",
        type: [
          "null",
          {
            type: "record",
            name: "User",
            fields: [
              { name: "id", type: "string" },
              { name: "age", type: "double" },
            ],
          },
        ],
      },
      { name: "tags", type: { type: "array", items: "string" } },
      { name: "price", type: { type: "bytes", logicalType: "decimal", precision: 20, scale: 2 } },
      { name: "kind", type: { type: "enum", name: "Kind", symbols: ["A", "B"] } },
      { name: "next", type: ["null", "Click"] },
    ],
  } as const;
  const fields = [
    categorical("user.id"),
    numeric("user.age"),
    bag("tags"),
    numeric("price"),
    categorical("kind"),
    categorical("next.kind"),
  ];
  const spec = avroSpecs(schema, fields, "label").binary;
  const type = avscType(schema);
  const event = (rest: object = {}) =>
    type.toBuffer({
      label: 1,
      time: 1_717_000_000_123_456,
      user: { User: { id: "u1", age: 41.5 } },
      tags: ["a", "b", "ü"],
      price: Buffer.from([0x04, 0xd2]),
      kind: "B",
      next: null,
      ...rest,
    });

  it("reads times in milliseconds and decimals as numbers", () => {
    const timed = { ...spec, label: { ...spec.label, time: { from: "time", unit: "ms" } as const } };
    const { rows } = messages(timed, [event(), event({ price: Buffer.from([0xff]) })]);
    expect(rows.map(({ time }) => time)).toEqual([1_717_000_000_123.456, 1_717_000_000_123.456]);
    expect(rows.map(({ numbers }) => numbers)).toEqual([
      [41.5, Math.fround(12.34)],
      [41.5, Math.fround(-0.01)],
    ]);
  });

  it.each([
    ["12340000000000000000", 18, "12.34"],
    ["-9223372036854775809", 2, "-92233720368547758.09"],
    ["5".padEnd(40, "0"), 38, "50"],
    ["-7", 38, `-0.${"7".padStart(38, "0")}`],
    ["9".repeat(76), 77, `0.0${"9".repeat(76)}`],
    [`-${"9".repeat(76)}`, 0, `-${"9".repeat(76)}`],
  ])(
    "reads the decimal %s with %i places as %s: beyond 64 bits, its bytes were taken for a text",
    (whole, scale, json) => {
      const decimal = { type: "fixed", name: "Price", size: 32, logicalType: "decimal", precision: 76, scale };
      const priced = avroSpecs(
        {
          type: "record",
          name: "Sale",
          fields: [
            { name: "label", type: "int" },
            { name: "price", type: decimal },
          ],
        },
        [categorical("price")],
        "label",
      );
      const bytes = Buffer.from(BigInt.asUintN(256, BigInt(whole)).toString(16).padStart(64, "0"), "hex");
      const { rows } = messages(priced.binary, [Buffer.concat([Buffer.of(2), bytes])]);
      const line = Buffer.from(`{"label":1,"price":${json}}`);
      expect(rows).toEqual(messages(priced.json, [line]).rows);
    },
  );

  it("rejects or decodes any bytes, and continues", () => {
    const inner = { ...{ label: 0, time: 5, user: null, tags: ["x"], price: Buffer.of(1), kind: "A" }, next: null };
    const whole = event({ next: { Click: inner } });
    const good = messages(spec, [whole], true);
    expect(good.rows.length).toBe(1);
    const { decoded, codes } = damaged(spec, whole, [Buffer.concat([whole, Buffer.of(0)])]);
    expect(decoded).toBeGreaterThan(256);
    expect(codes).toEqual(["bad_avro", "bad_utf8", "number_out_of_range", "unknown_label"]);
    expect(messages(spec, [whole], true)).toEqual(good);
  });

  it("fails at once on lists of nulls with a huge count, and on unboundedly nested records", () => {
    const nothing = {
      type: "record",
      name: "N",
      fields: [
        { name: "label", type: "int" },
        { name: "none", type: { type: "array", items: "null" } },
      ],
    };
    const endless = Buffer.from([2, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0]);
    const passed = messages(avroSpecs(nothing, [categorical("label")], "label").binary, [endless], true);
    expect(passed.rows.length).toBe(1);
    const kept = messages(avroSpecs(nothing, [bag("none")], "label").binary, [endless], true);
    expect(kept.rejects.map(({ code }) => code)).toEqual(["row_too_long"]);
    const deep = Buffer.concat([Buffer.from([2]), Buffer.alloc(5000, 2)]);
    const chain = {
      type: "record",
      name: "C",
      fields: [
        { name: "label", type: "int" },
        {
          name: "next",
          type: ["null", { type: "record", name: "D", fields: [{ name: "next", type: ["null", "D"] }] }],
        },
      ],
    };
    expect(messages(avroSpecs(chain, [categorical("label")], "label").binary, [deep], true).rejects[0].code).toBe(
      "bad_avro",
    );
  });
});
