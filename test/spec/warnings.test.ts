import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { specHash } from "../../src/spec/hash.js";
import { parseSpec } from "../../src/spec/parse.js";

/** Two tables: one of two plain fields, one of a field and a cross. */
const specOf = (options: string) => `
name: shop
events: { format: json }
label: { field: clicked }
fields:
  - { name: item, type: categorical, table: items }
  - { name: category, type: categorical, table: items }
  - { name: user, type: categorical, table: users }
  - { name: user_x_item, type: cross, of: [user, item], table: users }
tables: { items: { ${options} }, users: {} }
tower: { deep_crossing: { residual: [8] } }
`;

function warningsOf(text: string, file = "shop.yaml"): string[] {
  const found: string[] = [];
  parseSpec(text, file, ({ message, hint }) => found.push(`${message}\n${hint}`));
  return found;
}

it("warns that item 3 and category 3 share a row by default", () => {
  const [warning, ...others] = warningsOf(specOf("dim: 8"));
  expect(others).toEqual([]);
  expect(warning).toMatch(/^shop\.yaml:10:\d+: tables\.items: equal values of item, category share a row\n/);
  expect(warning).toMatch(/`salt: field`/);
});

it("does not warn for an explicit salt, or a default one that keeps fields apart", () => {
  expect(warningsOf(specOf("salt: table"))).toEqual([]);
  expect(warningsOf(specOf("salt: field"))).toEqual([]);
  expect(warningsOf(specOf("encoding: shared, rows: 100"))).toEqual([]);
});

it("an lr table was told to have shards, but learns in one memory: the hint does not say so, and shards give a warning", () => {
  const lr = (options: string) => `
name: big
events: { format: tsv, columns: [label, id] }
fields: [{ name: id, type: categorical, table: ids }]
tables: { ids: { encoding: hash, ${options} } }
tower: lr
`;
  expect(warningsOf(lr("rows: 1000, shards: 3"))).toEqual([
    expect.stringMatching(/tables\.ids\.shards: has no effect for a model that learns event by event/),
  ]);
  for (const options of ["rows: 1_000_000_000", "rows: 1_000_000_000, shards: 3"])
    expect(() => parseSpec(lr(options), "big.yaml")).toThrow(
      expect.objectContaining({ message: expect.stringContaining("7.7 GiB"), hint: "lower rows or dim" }),
    );
});

it("ftrl with beta 0 learned nothing but a bias in fm, silently: weights that cannot start at random give a warning", () => {
  const of = (tower: string, optimizer: string, init = "") => `
name: m
events: { format: tsv, columns: [label, id, other] }
fields: [{ name: id, type: categorical, table: ids }, { name: other, type: categorical, table: ids }]
tables: { ids: { salt: field, optimizer: { ftrl: { ${optimizer} } }${init} } }
tower: ${tower}
`;
  const lost = [expect.stringMatching(/optimizer: ftrl with beta 0 and l2 0 starts all weights at 0/)];
  for (const tower of ["fm", "ffm", "dcn_v2"]) expect(warningsOf(of(tower, "beta: 0"))).toEqual(lost);
  expect(warningsOf(of("{ dcn_v2: {}, optimizer: { ftrl: { beta: 0 } } }", "beta: 1"))).toEqual(lost);
  expect(warningsOf(of("lr", "beta: 0"))).toEqual([]);
  expect(warningsOf(of("fm", "beta: 0, l2: 1"))).toEqual([]);
  expect(warningsOf(of("dcn_v2", "beta: 0", ", init: 0"))).toEqual([]);
});

it("an unquoted positive label is its text", () => {
  const hash = (positive: string) =>
    specHash(parseSpec(specOf("salt: field").replace("clicked }", `clicked, positive: ${positive} }`), "shop.yaml"));
  expect(hash("1")).toBe(hash('"1"'));
  expect(hash("1.0")).toBe(hash('"1"'));
  expect(hash("0.5")).toBe(hash('"0.5"'));
  expect(hash("true")).toBe(hash('"true"'));
  expect(hash("[1, yes]")).toBe(hash('["1", "yes", "1"]'));
  expect(() => hash("{ is: 1 }")).toThrow(/label\.positive: expected a text, got a map/);
  expect(() => hash(".nan")).toThrow(/must be finite/);
});

it("a warning changes neither a spec's hash nor its keys", () => {
  const hash = (options: string) => specHash(parseSpec(specOf(options), "shop.yaml"));
  expect(hash("dim: 8")).toBe(hash("dim: 8, salt: table"));
});

it("shipped specs and the examples in both READMEs give no warning", () => {
  const shipped = readdirSync("features").filter((name) => name.endsWith(".yaml"));
  const examples = ["README.md", "features/README.md"].flatMap((file) =>
    [...readFileSync(file, "utf8").matchAll(/```yaml\n(.*?)```/gs)]
      .map(([, text]) => text)
      .filter((text) => /^name:/m.test(text))
      .map((text) => [file, text] as const),
  );
  expect(examples.length).toBeGreaterThanOrEqual(2);
  const specs = [...shipped.map((name) => [name, readFileSync(`features/${name}`, "utf8")] as const), ...examples];
  expect(specs.flatMap(([file, text]) => warningsOf(text, file))).toEqual([]);
});
