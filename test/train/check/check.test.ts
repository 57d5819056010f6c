import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { checkText } from "../../../src/cli/check.js";
import { parseSpec } from "../../../src/spec/parse.js";
import { check } from "../../../src/train/check/check.js";

const folder = mkdtempSync(join(tmpdir(), "hashbrook-test-"));

const spec = (events: string, label = '{ field: click, positive: "1", time: ts }') =>
  parseSpec(
    `name: m
events: ${events}
label: ${label}
fields:
  - { name: user, type: categorical, table: ids }
  - { name: tags, type: bag, table: ids }
  - { name: price, type: numeric, table: ids }
tables: { ids: {} }
tower: lr
`,
    "f.yaml",
  );

const file = (name: string, text: string | Uint8Array) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

const day = (i: number) => `2024-05-${String(1 + (i % 28)).padStart(2, "0")} 10:00:00`;
const users = (i: number) => `u${i % 5}`;

/** The same 40 events in every format. */
const formats = {
  tsv: Array.from({ length: 40 }, (_, i) => `${i % 2}\t${day(i)}\t${users(i)}\ta|b${i % 3}\t${i % 4 ? i : ""}`),
  csv: [
    "tags,price,user,click,more,ts",
    ...Array.from(
      { length: 40 },
      (_, i) => `"a|b${i % 3}",${i % 4 ? `${i}.0` : ""},${users(i)},${i % 2}.0,x,${day(i)}`,
    ),
  ],
  json: Array.from({ length: 40 }, (_, i) =>
    JSON.stringify({
      click: i % 2 === 1,
      ts: day(i),
      user: users(i),
      tags: ["a", `b${i % 3}`],
      price: i % 4 ? i : null,
    }),
  ),
  vw: Array.from(
    { length: 40 },
    (_, i) =>
      `${i % 2 ? "+1" : "-1"} |ts ${Date.UTC(2024, 4, 1 + (i % 28), 10)} |user ${users(i)} |tags a b${i % 3}:2 |price ${i % 4 ? `:${i}` : ""}`,
  ),
};
const events = {
  tsv: "{ format: tsv, columns: [click, ts, user, tags, price] }",
  csv: "{ format: csv, header: true }",
  json: "{ format: json }",
  vw: "{ format: vw }",
};

it.each(["tsv", "csv", "json", "vw"] as const)("%s: reports the content of the fields", async (format) => {
  const label = format === "vw" ? "{ field: label, time: ts }" : undefined;
  const text = `\ufeff${formats[format].join("\r\n")}\r\n`;
  const data = file(`events.${format}.gz`, gzipSync(format === "vw" ? text.slice(1) : text));
  const report = await check({ model: spec(events[format], label), data });
  expect(report).toMatchObject({ rows: 40, accepted: 40, rejected: 0, warnings: [], ok: true });
  expect(report.label.positive_rate).toBe(0.5);
  expect(report.time).toEqual({ from: "ts", first: "2024-05-01 10:00:00", last: "2024-05-28 10:00:00" });
  const [user, tags, price] = report.fields;
  expect(user).toMatchObject({ name: "user", present: 1, distinct: 5, examples: ["u0", "u1", "u2"], mean: null });
  expect(tags).toMatchObject({ type: "bag", present: 1, distinct: 4 });
  expect(price).toMatchObject({ present: 0.75, min: 1, max: 39, mean: 20 });
  expect(checkText(report)).toContain("no problems found");
});

it("reports rejects with samples, and reads no more than requested", async () => {
  const rows = Array.from({ length: 30 }, (_, i) => (i % 3 ? "1\tx" : `0\t${day(i)}\tu\ta\tcheap`));
  const report = await check({ model: spec(events.tsv), data: file("bad.tsv", rows.join("\n")), rows: 20 });
  expect(report).toMatchObject({ accepted: 0, ok: false, rejected_samples: { column_count: { value: "2 columns" } } });
  expect(report.rejected_samples.bad_number).toMatchObject({ row: 1, column: "price", value: "cheap" });
  const text = checkText(report);
  expect(text).toMatch(/bad\.tsv:2: column_count: 2 columns, expected 5 columns/);
  expect(text).toMatch(/bad\.tsv:1: price: bad_number: "cheap", expected a number/);
  const few = await check({ model: spec(events.json), data: file("few.json", formats.json.join("\n")), rows: 15 });
  expect(few).toMatchObject({ rows: 15, accepted: 15 });
});

it("reports a path that never exists, a single class, and times in another unit", async () => {
  const rows = Array.from({ length: 20 }, (_, i) =>
    JSON.stringify({ click: 0, ts: 1.6e9 + i, usr: users(i), tags: [], price: i }),
  );
  const report = await check({ model: spec(events.json), data: file("odd.json", rows.join("\n")) });
  expect(report.warnings.map(({ code, field }) => `${code} ${field}`)).toEqual([
    "one_class click",
    "time_before_2000 ts",
    "always_missing user",
    "constant_field tags",
  ]);
  expect(report.warnings[2].hint).toBe('did you mean "usr"?');
  expect(report.ok).toBe(false);
});

it("warns of a field that only positives have, which nobody knows before the click: it had found no problems", async () => {
  const clicked = (i: number) => i % 5 === 0;
  const lines = Array.from({ length: 400 }, (_, i) =>
    JSON.stringify({
      click: clicked(i),
      user: users(i * 7),
      tags: clicked(i) && i % 2 ? ["bought"] : [],
      price: i % 3,
    }),
  );
  const model = spec("{ format: json }", "{ field: click }");
  const report = await check({ model, data: file("leak.json", lines.join("\n")) });
  expect(report).toMatchObject({ ok: false, warnings: [{ code: "label_leak", field: "tags" }] });
  expect(report.warnings[0].message).toBe("tags: set in 40 events, all of them positive, while 20.0 % of all are");
});

it("shows the ids of a bag as they are hashed: without weights, and with all digits", async () => {
  const lists = ['[["a", 2], [9007199254740993, 1]]', '{"a": 2, "b": 0.5}', "[9007199254740992, null]"];
  const lines = Array.from(
    { length: 40 },
    (_, i) => `{"click": ${i % 2}, "user": "u${i % 5}", "tags": ${lists[i % 3]}}`,
  );
  const model = spec("{ format: json }", "{ field: click }");
  const { fields } = await check({ model, data: file("weighted.json", lines.join("\n")) });
  expect(fields[1]).toMatchObject({ distinct: 4, examples: ["a", "9007199254740993", "b"] });
});

it("reports what is valid in a spec but rarely intended", async () => {
  const model = file(
    "shared.yaml",
    `name: m
events: { format: json }
label: { field: click, positive: 1 }
fields:
  - { name: user, type: categorical, table: ids }
  - { name: price, type: categorical, table: ids }
tables: { ids: {} }
tower: { deep_crossing: { residual: [8] } }
`,
  );
  const report = await check({
    model,
    data: file("fine.json", formats.json.join("\n").replaceAll("true", "1").replaceAll("false", "0")),
  });
  expect(report).toMatchObject({ accepted: 40, warnings: [], ok: true });
  expect(report.spec_warnings).toHaveLength(1);
  expect(checkText(report)).toMatch(/warning: .*shared\.yaml:7:.*\n {2}.*\nno problems found in the data$/);
});

const avazu = "../shared/data/avazu-10k/train-10k.csv.gz";
it.skipIf(!existsSync(avazu))("has no warning for the first 10,000 rows of Avazu", async () => {
  const report = await check({ model: "features/avazu-deep-crossing.yaml", data: avazu });
  expect(report.warnings).toEqual([]);
  expect(report.label.positive_rate).toBeCloseTo(0.17, 2);
});
