import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
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
  it("is a file beside the spec or its text, and is in the compiled spec", () => {
    const folder = mkdtempSync(join(tmpdir(), "hashbrook-spec-"));
    writeFileSync(join(folder, "click.avsc"), JSON.stringify(schema, null, 2));
    writeFileSync(join(folder, "s.yaml"), spec("{ format: avro, schema: click.avsc }"));
    const loaded = loadSpec(join(folder, "s.yaml"));
    expect(JSON.parse(loaded.events.schema!)).toEqual(schema);
    const inline = parseSpec(spec(`{ format: avro, schema: '${JSON.stringify(schema)}' }`), "s.yaml");
    expect(specHash(inline)).toBe(specHash(loaded));
  });

  it("must have the paths that the spec reads", () => {
    const events = `{ format: avro, schema: '${JSON.stringify(schema)}' }`;
    expect(problemOf(spec(events, "again.id"))).toBe("");
    expect(problemOf(spec(events, "tags.any.key"))).toBe("");
    expect(problemOf(spec(events, "user.idd"))).toContain('the schema has no "user.idd"');
    expect(problemOf(spec("{ format: avro, schema: none.avsc }"))).toContain("none.avsc: no such file");
    expect(problemOf(spec("{ format: json, schema: '{}' }"))).toContain("events.schema: has no effect for json");
  });

  it.each([
    ['{"type": "record"}', "is not a name"],
    ['{"type": "record", "name": "R"}', "no list of fields"],
    ['{"type": "record", "name": "R", "fields": [{"name": "a", "type": "strnig"}]}', 'a: unknown type "strnig"'],
    ['{"type": "enum", "name": "E"}', "no list of symbols"],
    ['{"type": "fixed", "name": "F", "size": -1}', "size must be"],
    ["[]", "a union must not be empty"],
    ["{", "not valid JSON"],
  ])("%s is invalid", (text, why) => {
    expect(problemOf(spec(`{ format: avro, schema: '${text}' }`))).toContain(why);
  });
});

describe("a Protobuf schema of events", () => {
  const user = 'syntax = "proto3"; package shop; message User { string id = 1; map<string, int32> counts = 2; }';
  const click = `syntax = "proto3";
package shop;
import "model/user.proto"; /* beside */
import "google/protobuf/timestamp.proto";
message Page { string url = 1; }
message Click { int32 label = 1; User user = 2; repeated Page pages = 3; google.protobuf.Timestamp at = 4; }
`;
  const text = (proto: string, more = "") => `{ format: protobuf, schema: ${JSON.stringify(proto)}${more} }`;
  const inOne = `${user}\n${click}`;

  it("is a file beside the spec with its imports, or their texts, whatever the comments", () => {
    const folder = mkdtempSync(join(tmpdir(), "hashbrook-spec-"));
    mkdirSync(join(folder, "model"));
    writeFileSync(join(folder, "model", "user.proto"), user);
    writeFileSync(join(folder, "model", "click.proto"), click);
    writeFileSync(join(folder, "s.yaml"), spec("{ format: protobuf, schema: model/click.proto, message: Click }"));
    const loaded = loadSpec(join(folder, "s.yaml"));
    expect(loaded.events.schema).not.toContain("beside");
    expect(specHash(parseSpec(spec(text(inOne, ", message: Click")), "s.yaml"))).toBe(specHash(loaded));
    writeFileSync(join(folder, "model", "click.proto"), click.replace("user.proto", "who.proto"));
    expect(() => loadSpec(join(folder, "s.yaml"))).toThrow(
      'click.proto imports "model/who.proto", which does not exist',
    );
  });

  it("must have the paths that the spec reads", () => {
    const events = text(inOne, ", message: shop.Click");
    for (const from of ["user.id", "user.counts.any.key", "pages", "at"])
      expect(problemOf(spec(events, from))).toBe("");
    for (const from of ["user.idd", "pages.url", "at.seconds"])
      expect(problemOf(spec(events, from))).toContain(`the schema has no "${from}"`);
    expect(problemOf(spec(text(inOne), "url"))).toContain('the schema has no "label"');
    expect(problemOf(spec("{ format: protobuf, message: Click }"))).toContain("events.message: has no effect without");
    expect(problemOf(spec("{ format: json, message: Click }"))).toContain("events.message: has no effect for json");
  });

  it.each([
    ["message {", 'expected a name, got "{"'],
    ["message M { int32 a = 0; }", "line 1: a field number must be from 1 to"],
    ["message M {\n int32 a = 1; int32 b = 1; }", "line 2: M.b = 1: duplicate field name or number"],
    ["message M { strnig a = 1; }", 'M.a: unknown type "strnig"'],
    ["message M { map<float, int32> a = 1; }", '"float" cannot be the key type of a map'],
    ["message M { optional int32 a = 1", "ends inside a statement"],
    ["enum E { A = 0; }", "no message type at index 0"],
    ["syntax = 'proto4'; message M {}", "must be proto2 or proto3"],
    ["}; message M {}", 'unexpected "}" at the start of a statement'],
    ["message M { option (x) = { a: [1, 2] }; int32 a = 1 [(y).z = -1, default = 0x1F]; };", 'no "label"'],
  ])("%s is invalid", (proto, why) => {
    expect(problemOf(spec(text(proto.includes(";") ? proto : `${proto};`)))).toContain(why);
  });
});
