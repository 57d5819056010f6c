import { expect, it } from "vitest";
import { parseAvro } from "../../src/event-schemas/avro.js";

it("has no types but Avro's own and those of the schema, whatever every object inherits", () => {
  for (const name of ["constructor", "toString", "__proto__"]) {
    expect(parseAvro(JSON.stringify({ type: "long", logicalType: name }))).toEqual({ kind: "integer" });
    expect(() => parseAvro(JSON.stringify(name))).toThrow(`unknown type "${name}"`);
    expect(() => parseAvro(name)).toThrow("not valid JSON");
  }
  const own = { type: "record", name: "constructor", fields: [{ name: "next", type: ["null", "constructor"] }] };
  const record = parseAvro(JSON.stringify(own));
  expect(record).toMatchObject({ kind: "record", fields: [{ type: { branches: [{ kind: "null" }, record] } }] });
});
