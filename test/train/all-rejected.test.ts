import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parseSpec } from "../../src/spec/parse.js";
import { train } from "../../src/train/train.js";

const folder = mkdtempSync(join(tmpdir(), "hashbrook-test-"));
const spec = parseSpec(
  `
name: t
events: { format: json }
label: { field: label }
fields: [{ name: a, type: categorical, table: w }]
tables: { w: { encoding: hash, rows: 64 } }
tower: lr
`,
  "t.yaml",
);

function file(name: string, ...lines: string[]): string {
  const path = join(folder, name);
  writeFileSync(path, lines.map((line) => `${line}\n`).join(""));
  return path;
}
const event = (id: number) => JSON.stringify({ label: id % 2, a: `a${id % 7}` });
const events = Array.from({ length: 100 }, (_, id) => event(id));

it("a resumed run with only malformed events does not report all_rejected", async () => {
  const out = join(folder, "resumed");
  await train({ model: spec, data: file("first.jsonl", ...events, "{"), out });
  const resumed = await train({ model: spec, data: file("second.jsonl", "rubbish"), out, resume: true });
  expect(resumed).toMatchObject({ examples: 100, rejected: 2 });
});

it("a new run with only malformed events reports all_rejected", async () => {
  const data = file("rubbish.jsonl", "rubbish", "{");
  const failure = { code: "all_rejected", message: expect.stringContaining("all 2 events were rejected") };
  await expect(train({ model: spec, data, out: join(folder, "new") })).rejects.toMatchObject(failure);
});
