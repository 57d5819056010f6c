import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import Schema from "typebox/schema";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { canonicalJson } from "../../src/core/hash.js";
import { compiledFromJson } from "../../src/spec/compile.js";
import { loadSpec } from "../../src/spec/parse.js";

const folder = new URL("../../features/", import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith(".yaml"));

test("the documented specs exist", () => {
  const promised =
    "globo-deep-crossing globo-deep-crossing-json globo-lr globo-fm globo-dcn-v2 criteo-lr criteo-deep-crossing avazu-deep-crossing movielens-deep-crossing ads-demo ads-demo-lr";
  expect(files).toEqual(expect.arrayContaining(promised.split(" ").map((name) => `${name}.yaml`)));
});

describe.each(files)("%s", (file) => {
  const path = fileURLToPath(new URL(file, folder));

  test("compiles, and its compiled form round-trips through JSON", () => {
    const spec = loadSpec(path);
    expect(`${spec.name}.yaml`).toBe(file);
    expect(compiledFromJson(canonicalJson(spec))).toEqual(spec);
  });

  test("names its schema and is valid against it, as in an editor", () => {
    const text = readFileSync(path, "utf8");
    const schema = JSON.parse(readFileSync(new URL("schema.json", folder), "utf8"));
    expect(text.startsWith("# yaml-language-server: $schema=./schema.json\n")).toBe(true);
    expect(Schema.Check(schema, parse(text.replace(/(?<=\d)_(?=\d{3})/g, "")))).toBe(true);
  });
});

test("the JSON twin of globo-deep-crossing has the same fields, tables and seeds", () => {
  const [tsv, json] = ["globo-deep-crossing", "globo-deep-crossing-json"].map((name) =>
    loadSpec(fileURLToPath(new URL(`${name}.yaml`, folder))),
  );
  expect(json.tables).toEqual(tsv.tables);
  expect(json.tower).toEqual(tsv.tower);
  expect(json.fields.map(({ name, type }) => [name, type])).toEqual(tsv.fields.map(({ name, type }) => [name, type]));
});
