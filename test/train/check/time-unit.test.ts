import { expect, it } from "vitest";
import { Batch, batchLayout } from "../../../src/core/batch.js";
import type { HashbrookError } from "../../../src/core/errors.js";
import { Decoder } from "../../../src/decode/decoder.js";
import type { TimeUnit } from "../../../src/spec/compiled.js";
import { TimeUnitCheck, unitHint } from "../../../src/train/check/time-unit.js";
import { feed } from "../../decode/feed.js";
import { specOf } from "../../decode/generate.js";

const NOW = Date.UTC(2026, 5);

/** The error for a first batch of these times; null: none. */
function refusal(unit: TimeUnit, times: readonly (number | string)[]): HashbrookError | null {
  const base = specOf([{ name: "a", type: "categorical", from: "a" }]);
  const spec = {
    ...base,
    events: { ...base.events, columns: ["label", "a", "t"] },
    label: { ...base.label, time: { from: "t", unit } },
  };
  const text = times.map((time) => `1\tx\t${time}\n`).join("");
  const [{ batch, rejects }] = feed(new Decoder(spec, { capacity: 99 }), Buffer.from(text));
  const check = new TimeUnitCheck(spec, NOW);
  try {
    const named = rejects.map((reject) => ({ ...reject, file: "f" }));
    check.first(new Batch(batchLayout(spec, 99), batch.rows, batch.buffer), named);
  } catch (error) {
    return error as HashbrookError;
  }
  return null;
}

const seconds = Date.UTC(2024, 4, 31) / 1000;

it("a wrong declared unit is refused with the one that fits", () => {
  const message = refusal("us", [seconds * 1000, seconds * 1000 + 1])?.message;
  expect(message).toBe(
    "t: as microseconds (unit: us) the first events would be from 1970-01-20; as milliseconds they are from 2024-05-31",
  );
  expect(refusal("us", [seconds * 1000])?.hint).toBe(
    "these are milliseconds: write time: { from: t }; nothing was learned",
  );
  expect(refusal("us", [seconds * 1e9])?.hint).toContain("time: { from: t, unit: ns }");
  expect(refusal("ns", [seconds])?.hint).toContain("time: { from: t, unit: s }");
  // Read as seconds, they are so late that every row is rejected.
  expect(refusal("s", [seconds * 1000, seconds * 1000])?.hint).toContain("these are milliseconds");
  expect(refusal("s", [seconds * 1e9])?.message).toContain("a year out of range; as nanoseconds");
});

it("right, old, simulated and ISO times, and milliseconds by default, are accepted", () => {
  expect(refusal("s", [seconds, seconds])).toBeNull();
  expect(refusal("ns", [seconds * 1e9])).toBeNull();
  expect(refusal("s", [Date.UTC(1996, 0) / 1000])).toBeNull();
  expect(refusal("s", [1, 2, 3])).toBeNull();
  expect(refusal("s", ["2024-05-31", "2024-05-31T10:00Z"])).toBeNull();
  expect(refusal("ms", [seconds])).toBeNull();
  expect(refusal("s", [seconds, seconds, seconds * 1000])).toBeNull();
  expect(refusal("s", [])).toBeNull();
});

it("the first batch with a time is checked: a topic that begins with tombstones was learned in the wrong unit", () => {
  const spec = specOf([], { label: { ...specOf([]).label, time: { from: "t", unit: "s" } } });
  const check = new TimeUnitCheck(spec, NOW);
  const layout = batchLayout(spec, 9);
  const empty = new Batch(layout, 0, new ArrayBuffer(layout.bytes));
  check.first(empty, []);
  check.first(empty, [{ code: "bad_json", value: "", file: "f" } as never]);
  const late = { code: "impossible_time", value: String(seconds * 1000), file: "f" } as never;
  expect(() => check.first(empty, [late])).toThrow("as milliseconds they are from 2024-05-31");
});

it("the hint for a rejected time names the unit in which it is plausible", () => {
  const spec = specOf([], { label: { ...specOf([]).label, time: { from: "t", unit: "ms" } } });
  const reject = { code: "impossible_time", value: String(seconds * 1e6), file: "f" } as never;
  expect(unitHint(spec, reject, NOW)).toBe("these are microseconds: time: { from: t, unit: us }");
  expect(unitHint(spec, { code: "bad_time", value: "x", file: "f" } as never, NOW)).toBeUndefined();
});
