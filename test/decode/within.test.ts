import avsc from "avsc";
import { expect, it } from "vitest";
import { Decoder } from "../../src/decode/decoder.js";
import type { CompiledSpec } from "../../src/spec/compiled.js";
import { parseSpec } from "../../src/spec/parse.js";
import { outcome } from "./feed.js";
import { nestedSpec } from "./nested-spec.js";

function decode(spec: CompiledSpec, messages: readonly (string | Buffer)[]) {
  const decoder = new Decoder(spec, { capacity: 16 });
  for (const [i, message] of messages.entries()) decoder.message(Buffer.from(message as string), 0, message.length, i);
  const { batch, rejects, ...taken } = decoder.take();
  const { rows } = outcome(spec, { batch, rejects, ...taken });
  return { rows, rejects: rejects.map(({ code, column }) => [code, column]) };
}

const after = { clicked: 1, user: { id: "u1" }, price: 2.5 };
const change = (op: string, value: object | null, before: object | null = null) =>
  JSON.stringify({ before, after: value, source: { user: { id: "no" } }, op, ts_ms: 1_700_000_000_000 });
const debezium = "{ format: json, within: after, type: { from: .op, is: [c, u, r] } }";

it("reads a row's state after a change from Debezium, skips deletes, and names invalid values by their paths in the spec", () => {
  const messages = [change("c", after), change("d", null, after), change("u", { ...after, price: "x" }, after)];
  const spec = nestedSpec(debezium, "{ field: clicked, time: .ts_ms }");
  const { rows, rejects } = decode(spec, messages);
  const [plain] = decode(nestedSpec("{ format: json }"), [JSON.stringify(after)]).rows;
  expect(rows).toEqual([{ ...plain, time: 1_700_000_000_000 }]);
  expect(rejects).toEqual([["bad_type", "price"]]);
  const wrapped = nestedSpec("{ format: json, within: payload.after, type: { from: .payload.op, is: c } }");
  expect(decode(wrapped, [`{"schema":{"after":{}},"payload":${messages[0]}}`]).rows).toEqual([plain]);
});

it("reads Avro within its envelope like JSON", () => {
  const row = {
    type: "record",
    name: "Row",
    fields: [
      { name: "clicked", type: "int" },
      { name: "user", type: { type: "record", name: "User", fields: [{ name: "id", type: "string" }] } },
      { name: "price", type: "double" },
    ],
  };
  const schema = {
    type: "record",
    name: "Envelope",
    fields: [
      { name: "before", type: ["null", row] },
      { name: "after", type: ["null", "Row"] },
      { name: "op", type: "string" },
      { name: "ts_ms", type: "long" },
    ],
  };
  const type = avsc.Type.forSchema(schema as avsc.Schema, { wrapUnions: false });
  const events = debezium.replace("json,", `avro, schema: '${JSON.stringify(schema)}',`);
  const changes = ["c", "d"].map((op) =>
    type.toBuffer({ before: null, after: op === "d" ? null : after, op, ts_ms: 1_700_000_000_000 }),
  );
  const expected = decode(nestedSpec(debezium), [change("c", after), change("d", null)]);
  expect(decode(nestedSpec(events), changes)).toEqual(expected);
  expect(() => nestedSpec(events, "{ field: .clicked }")).toThrow('label.field: the schema has no ".clicked"');
});

it("does not apply to score requests: a candidate is the event without an envelope", () => {
  const decoder = new Decoder(nestedSpec(debezium), {
    capacity: 4,
    everyType: true,
    requireLabel: false,
    format: "json",
  });
  const bare = new Decoder(nestedSpec("{ format: json }"), { capacity: 4, requireLabel: false });
  const event = Buffer.from(JSON.stringify(after));
  for (const one of [decoder, bare]) one.message(event, 0, event.length, 0);
  expect([...decoder.take().batch.keys(0)]).toEqual([...bare.take().batch.keys(0)]);
});

it.each([
  ["{ format: csv, columns: [clicked, user.id, price], within: a }", "events.within: has no effect for csv"],
  ["{ format: json, within: a..b }", 'events.within: "a..b" is not a path'],
])("%s is refused", (events, why) => {
  expect(() => nestedSpec(events)).toThrow(why);
});

it("refuses a field outside the event", () => {
  const text = `name: t
events: { format: json, within: after }
fields: [{ name: op, type: categorical, from: .op, table: w }]
tables: { w: { encoding: hash, rows: 64 } }
tower: lr
`;
  expect(() => parseSpec(text, "t.yaml")).toThrow('".op" is outside after');
});
