import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { check, train } from "../../../src/index.js";
import { parseSpec } from "../../../src/spec/parse.js";

const SPEC = `name: order
events: { format: tsv, columns: [click, ts, user] }
label: { field: click, time: { from: ts, unit: s } }
fields: [{ name: user, type: categorical, table: users }]
tables: { users: {} }
tower: lr
`;
const model = parseSpec(SPEC, "order.yaml");
const folder = mkdtempSync(join(tmpdir(), "hashbrook-test-"));
const DAY = 86_400;

/** A file of 300 events of a day from 1 November 2024. */
function day(folder: string, name: string, day: number): void {
  const at = (i: number) => 1_730_419_200 + Math.round((day + i / 300) * DAY);
  const lines = Array.from({ length: 300 }, (_, i) => `${Number(i % 4 === 0)}\t${at(i)}\tu${i % 17}\n`);
  writeFileSync(join(folder, name), lines.join(""));
}

const codes = ({ warnings }: { readonly warnings: readonly { readonly code: string }[] }) =>
  warnings.map(({ code }) => code);

it("files that a pattern brings out of order have a warning: part-10 was learned before part-2 in silence", async () => {
  for (let part = 1; part <= 12; part++) day(folder, `part-${part}.tsv`, part);
  const data = join(folder, "part-*.tsv");
  const run = await train({ model, data, out: join(folder, "mixed") });
  expect(run.warnings).toMatchObject([{ code: "not_in_order", field: "ts" }]);
  expect(run.warnings[0].message).toMatch(/^ts: 6[0-9]\.\d % of the events come after events that are much later/);
  expect(codes(await check({ model, data }))).toEqual(["not_in_order"]);
  const ordered = Array.from({ length: 12 }, (_, i) => join(folder, `part-${i + 1}.tsv`));
  expect(codes(await train({ model, data: ordered, out: join(folder, "ordered") }))).toEqual([]);
  expect(codes(await train({ model, data: ordered, out: join(folder, "twice"), epochs: 2 }))).toEqual([]);
  expect(codes(await check({ model, data: ordered }))).toEqual([]);
});

it("shards of the same hours, and single late events, have none", async () => {
  const shards = mkdtempSync(join(tmpdir(), "hashbrook-test-"));
  for (let at = 0; at < 24; at++) day(shards, `shard-${String(at).padStart(2, "0")}.tsv`, at >> 1);
  writeFileSync(join(shards, "shard-99.tsv"), "1\t1730419200\tu1\n");
  expect(codes(await train({ model, data: join(shards, "*.tsv"), out: join(shards, "run") }))).toEqual([]);
});
