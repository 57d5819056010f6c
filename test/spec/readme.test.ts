import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { encodingKinds } from "../../src/encodings/index.js";
import { optimizers } from "../../src/optimizers/index.js";
import { bucketOf, crossKeys, valueKeys } from "../../src/spec/keys.js";
import { loadSpec, parseSpec } from "../../src/spec/parse.js";
import { pythonHas, runPython } from "../python.js";

interface Schema {
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
}

const folder = new URL("../../features/", import.meta.url);
const readme = readFileSync(new URL("README.md", folder), "utf8");
const blocks = (language: string) =>
  [...readme.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, "gs"))].map(([, text]) => text);
const spec = loadSpec(fileURLToPath(new URL("globo-deep-crossing.yaml", folder)));

test("the example spec compiles", () => {
  expect(parseSpec(blocks("yaml")[0], "README.md").name).toBe("news");
});

test("the keys in the Python example are the code's keys", () => {
  const age = spec.fields.find(({ name }) => name === "age");
  const bucket = age?.type === "buckets" ? bucketOf(5, age.boundaries) : -1;
  const keys = [
    ...valueKeys(spec, "article", "183367"),
    ...valueKeys(spec, "device", "3"),
    ...valueKeys(spec, "device", ""),
    ...valueKeys(spec, "age", String(bucket)),
    ...crossKeys(spec, "article_x_region", ["183367", "25"]),
  ];
  expect(bucket).toBe(4);
  expect([...blocks("python")[0].matchAll(/^key = .*# ([0-9a-f]{16})/gm)].map(([, key]) => key)).toEqual(
    keys.map(({ key }) => key),
  );
});

test.skipIf(!pythonHas("xxhash"))("the Python example prints what its comments say, if Python has xxhash", () => {
  const lines = blocks("python")[0].split("\n");
  const program = lines
    .map((line) => line.replace(/^(\w+) = (.*?)\s*# ([0-9a-f]{16}).*$/, '$1 = $2\nassert "%016x" % $1 == "$3", "$3"'))
    .join("\n");
  expect(program.match(/assert/g)).toHaveLength(12);
  runPython(["-c", program]);
});

test("every optimizer default that it quotes is the code's", () => {
  for (const [kind, { defaults }] of Object.entries(optimizers)) {
    const row = readme
      .split("\n")
      .find(
        (line) =>
          line.startsWith("| `") &&
          line.split("|")[1].includes(`\`${kind}\``) &&
          line.includes("`alpha`") === (kind === "ftrl"),
      );
    for (const [knob, value] of Object.entries(defaults))
      expect(row, kind).toMatch(new RegExp(`\`${knob}\` (${value}|${value.toExponential().replace("+", "")})[ ,.(|]`));
  }
});

test("it documents every key of the schema", () => {
  const schema = readFileSync(new URL("schema.json", folder), "utf8");
  const keys = new Set<string>();
  JSON.parse(schema, (key, value) => {
    if (key === "properties") for (const name of Object.keys(value)) keys.add(name);
    return value;
  });
  expect([...keys].filter((key) => !new RegExp(`\\b${key}\\b`).test(readme))).toEqual([]);
});

test("it gives every default of an encoding's options", () => {
  const schema = JSON.parse(readFileSync(new URL("schema.json", folder), "utf8")) as Schema;
  const [table] = Object.values(schema.properties!.tables.patternProperties!);
  const missing = encodingKinds.flatMap((kind) => {
    const row = readme.split("\n").find((line) => line.startsWith(`| \`${kind}\` |`))!;
    const gives = (name: string, value: unknown) =>
      new RegExp(`\`${name}\`[^.]*?(?<![\\w.])${value}(?![\\w.]*\\d)`).test(row);
    return Object.entries(table.properties![kind]?.properties ?? {})
      .filter(([name, option]) => option.default !== Object(option.default) && !gives(name, option.default))
      .filter(([, option]) => option.default !== undefined)
      .map(([name, option]) => `${kind}.${name}: ${option.default}`);
  });
  expect(missing).toEqual([]);
});
