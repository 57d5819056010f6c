import { expect, it } from "vitest";
import { Batch, batchLayout } from "../../../src/core/batch.js";
import { dateText } from "../../../src/core/clock.js";
import type { LabelSpec } from "../../../src/spec/compiled.js";
import { Doubts } from "../../../src/train/check/doubts.js";
import type { RejectedRow } from "../../../src/train/rejects/rejects.js";
import { specOf } from "../../decode/generate.js";

const NOW = Date.UTC(2026, 5);
const label: LabelSpec = {
  from: "click",
  positive: { equals: "yes" },
  weight: null,
  time: { from: "ts", unit: "ms" },
  id: null,
  oracle: null,
};
const fields = [
  { name: "user", type: "categorical", from: "user.idd" },
  { name: "ad", type: "categorical", from: "ad" },
] as const;

interface Rows {
  labels?: readonly number[];
  time?: number;
  rejects?: number;
  constants?: { column: string; value: string; near: string | null }[];
}

/** The warnings after batches of rows. */
function warnings(batches: readonly Rows[], parts: Partial<LabelSpec> = {}) {
  const spec = specOf(fields, { label: { ...label, ...parts } });
  const doubts = new Doubts(spec, NOW);
  for (const { labels = [], time = NOW, rejects = 0, constants = [] } of batches) {
    const layout = batchLayout(spec, labels.length);
    const batch = new Batch(layout, labels.length, new ArrayBuffer(layout.bytes));
    batch.labels.set(labels);
    batch.times.fill(time);
    const list = Array.from({ length: rejects }, (_, i) => rejected(i + 1));
    doubts.add(batch, { rejects: list, findings: { constants, labels: ["0", "1"] } });
  }
  return doubts.warnings();
}

const rejected = (row: number): RejectedRow => ({
  code: "bad_number",
  column: "price",
  value: "cheap",
  expected: "a number",
  file: "ads.tsv",
  row,
  offset: 0,
  length: 0,
  bytes: new Uint8Array(),
});
const mixed = (rows: number) => Array.from({ length: rows }, (_, i) => i % 2);
const codes = (list: readonly { code: string }[]) => list.map(({ code }) => code);

it("plausible events cause no warning, and neither do few events", () => {
  expect(warnings([{ labels: mixed(1000) }])).toEqual([]);
  expect(warnings([{ labels: [1, 1, 1] }])).toEqual([]);
  expect(warnings([{ rejects: 9 }])).toEqual([]);
});

it("labels of one class are reported, with examples", () => {
  const [none] = warnings([{ labels: Array(600).fill(0) }, { labels: Array(600).fill(0) }]);
  expect(none).toMatchObject({ code: "one_class", field: "click" });
  expect(none.message).toBe('click: all 1,200 labels are negative: none is the text "yes", such as "0", "1"');
  expect(codes(warnings([{ labels: Array(1000).fill(1) }]))).toEqual(["one_class"]);
  expect(codes(warnings([{ labels: Array(999).fill(1) }, { labels: [0] }]))).toEqual([]);
});

it("soft labels between 0 and 1 count for both classes, and rows without labels for none", () => {
  expect(warnings([{ labels: Array(1000).fill(0.25) }], { soft: true })).toEqual([]);
  expect(warnings([{ labels: Array(1000).fill(Number.NaN) }])).toEqual([]);
});

it("a field that is always missing or constant is reported, with the nearest path", () => {
  const constants = [
    { column: "ad", value: "7", near: null },
    { column: "user.idd", value: "", near: "user.id" },
  ];
  const [missing, constant] = warnings([{ labels: mixed(1000), constants }]);
  expect(missing).toEqual({
    code: "always_missing",
    field: "user",
    message: "user (user.idd): missing in all 1,000 events",
    hint: 'did you mean "user.id"?',
  });
  expect(constant).toMatchObject({ code: "constant_field", field: "ad", message: expect.stringContaining('"7"') });
});

it("a member that is null in all events is not suggested as its own fix", () => {
  const constants = [{ column: "user.idd", value: "", near: "user.idd" }];
  const [missing] = warnings([{ labels: mixed(1000), constants }]);
  expect(missing.hint).toBe("events have it, but null or empty: check that it is the right one");
});

it("seconds read as milliseconds are reported, with the fix", () => {
  const [warning] = warnings([{ labels: mixed(1000), time: 1_600_000_000 }]);
  expect(warning).toMatchObject({ code: "time_before_2000", hint: "these are seconds: time: { from: ts, unit: s }" });
  expect(warning.message).toContain("1970-01-19");
});

it("other units are reported in the spec's notation, and dates in digits with their ISO form", () => {
  const hint = (time: number, unit: "s" | "ms" = "ms") =>
    warnings([{ labels: mixed(1000), time }], { time: { from: "ts", unit } })[0].hint;
  expect(hint(Date.UTC(2024, 0) * 1000, "s")).toBe("these are milliseconds: time: { from: ts }");
  // Read as seconds, they were multiplied by a thousand.
  expect(hint(14_102_100)).toContain("14102100 looks like a date: write it as ISO 8601 in the data, 2014-10-21T00:00");
  expect(hint(20_141_021)).toMatch(/ISO 8601 in the data, 2014-10-21$/);
  expect(hint(20_141_021_000, "s")).toMatch(/2014-10-21$/);
  expect(hint(201_410_210_059)).toMatch(/2014-10-21T00:59$/);
  expect(hint(99_999_999)).toMatch(
    /milliseconds \(the default; else time: { from: ts, unit: s }\), or an ISO 8601 date$/,
  );
  expect(hint(1000, "s")).toMatch(/in seconds \(unit: s\)/);
});

it("times before 2000 and after the next year are reported, also in later batches", () => {
  const late = { labels: mixed(1000), time: Date.UTC(2028, 0) };
  expect(codes(warnings([{ labels: mixed(1000) }, late]))).toEqual(["time_in_future"]);
  expect(codes(warnings([{ labels: mixed(1000), time: Date.UTC(1999, 0) }]))).toEqual(["time_before_2000"]);
  expect(warnings([{ labels: mixed(1000), time: Date.UTC(2027, 0) }])).toEqual([]);
});

it("more than half rejected is reported, with the first reject", () => {
  expect(warnings([{ labels: mixed(1000), rejects: 1000 }])).toEqual([]);
  const [warning] = warnings([{ labels: mixed(1000), rejects: 1001 }]);
  expect(warning.message).toBe(
    '1,001 of 2,001 events were rejected, the first: ads.tsv:1: price: bad_number: "cheap", expected a number',
  );
});

it("a time is written in UTC, to the second", () => {
  expect(dateText(Date.UTC(2024, 4, 31, 23, 59, 59) + 999)).toBe("2024-05-31 23:59:59");
});
