import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { specHash } from "../../src/spec/hash.js";
import { loadSpec, parseSpec } from "../../src/spec/parse.js";

const schema = {
  type: "record",
  name: "Click",
  namespace: "shop",
  fields: [
    { name: "label", type: "int" },
    { name: "user", type: ["null", { type: "record", name: "User", fields: [{ name: "id", type: "string" }] }] },
    { name: "again", type: ["null", "shop.User"], default: null },
    { name: "tags", type: { type: "map", values: "double" } },
  ],
};

const spec = (events: string, from = "user.id") => `
name: clicks
events: ${events}
fields: [{ name: user, type: categorical, from: ${from}, table: users }]
tables: { users: {} }
tower: lr
`;

const problemOf = (text: string): string => {
  try {
    parseSpec(text, "s.yaml");
    return "";
  } catch (error) {
    return (error as Error).message;
  }
};

describe("a schema of events", () => {
  it("is a file beside the spec, or its text, and the compiled spec has it", () => {
    const folder = mkdtempSync(join(tmpdir(), "hashbrook-spec-"));
    writeFileSync(join(folder, "click.avsc"), JSON.stringify(schema, null, 2));
    writeFileSync(join(folder, "s.yaml"), spec("{ format: avro, schema: click.avsc }"));
    const loaded = loadSpec(join(folder, "s.yaml"));
    expect(JSON.parse(loaded.events.schema!)).toEqual(schema);
    const inline = parseSpec(spec(`{ format: avro, schema: '${JSON.stringify(schema)}' }`), "s.yaml");
    expect(specHash(inline)).toBe(specHash(loaded));
  });

  it("has the paths that the spec reads", () => {
    const events = `{ format: avro, schema: '${JSON.stringify(schema)}' }`;
    expect(problemOf(spec(events, "again.id"))).toBe("");
    expect(problemOf(spec(events, "tags.any.key"))).toBe("");
    expect(problemOf(spec(events, "user.idd"))).toContain('the schema has no "user.idd"');
    expect(problemOf(spec("{ format: avro, schema: none.avsc }"))).toContain("none.avsc: no such file");
    expect(problemOf(spec("{ format: json, schema: '{}' }"))).toContain("events.schema: has no meaning for json");
  });

  it.each([
    ['{"type": "record"}', "is not a name"],
    ['{"type": "record", "name": "R"}', "without fields"],
    ['{"type": "record", "name": "R", "fields": [{"name": "a", "type": "strnig"}]}', 'a: no type "strnig"'],
    ['{"type": "enum", "name": "E"}', "without symbols"],
    ['{"type": "fixed", "name": "F", "size": -1}', "a size"],
    ["[]", "a union of nothing"],
    ["{", "not JSON"],
  ])("%s is none", (text, why) => {
    expect(problemOf(spec(`{ format: avro, schema: '${text}' }`))).toContain(why);
  });
});
