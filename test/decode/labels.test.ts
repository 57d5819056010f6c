import { describe, expect, it } from "vitest";
import { Decoder } from "../../src/decode/decoder.js";
import type { CompiledSpec, LabelSpec } from "../../src/spec/compiled.js";
import { feed, rowsOf } from "./feed.js";
import { specOf } from "./generate.js";

const plain: LabelSpec = {
  from: "label",
  positive: { equals: "1" },
  weight: null,
  time: null,
  id: null,
  oracle: null,
};
const a = { name: "a", type: "categorical", from: "a" } as const;

function tsv(label: Partial<LabelSpec>): CompiledSpec {
  const columns = label.time ? ["label", "a", label.time.from] : ["label", "a"];
  return specOf([a], { label: { ...plain, ...label }, events: { ...specOf([]).events, columns } });
}

const lines = (spec: CompiledSpec, text: string, options = {}) => {
  const [{ batch, rejects }] = feed(new Decoder(spec, { capacity: 99, ...options }), Buffer.from(text));
  return { batch, rejects: rejects.map(({ code, column, row }) => `${row} ${code} ${column}`) };
};

/** What each text becomes as a label: a number, or the code it is rejected with. */
function labels(label: Partial<LabelSpec>, texts: readonly string[]): (number | string)[] {
  return texts.map((text) => {
    const { batch, rejects } = lines(tsv(label), `${text}\tx\n`);
    return batch.rows === 1 ? batch.labels[0] : rejects[0].split(" ")[1];
  });
}

describe("events of one type", () => {
  const events = { ...specOf([]).events, type: { from: "kind", is: ["view", "7"] } };
  const kinds = ["view", "7", "7.0", "tap", "", "viewed", "view"];

  it("are selected among others, which are never rejected, however malformed", () => {
    const label = { ...plain, time: { from: "t", unit: "ms" } } as const;
    const rows = kinds.map((kind, i) => `${i % 2}\tx${i}\t${kind}\t${kind === "tap" ? "never" : 1e12 + i}\n`);
    const delimited = specOf([a], { label, events: { ...events, columns: ["label", "a", "kind", "t"] } });
    const { batch, rejects } = lines(delimited, rows.join(""));
    expect([...batch.times]).toEqual([0, 1, 2, 6].map((i) => 1e12 + i));
    expect(rejects).toEqual([]);
    const json = specOf([a], { label, events: { ...events, format: "json" } });
    const objects = kinds.map((kind, i) =>
      kind === "tap" ? { kind } : { label: i % 2, a: `x${i}`, kind, t: 1e12 + i },
    );
    const text = objects.map((object) => `${JSON.stringify(object)}\n`).join("");
    expect([...lines(json, text).batch.times]).toEqual([...batch.times]);
    expect(lines(json, text, { everyType: true }).rejects).toEqual(["4 bad_label label"]);
  });
});

describe("a label", () => {
  it("of 1.0, +1, 01 or 1e0 is as positive as 1", () => {
    const texts = ["1", "1.0", "+1", "01", "1e0", "1.", "10e-1", "0001", "1.00000000", "true", "True", "TRUE"];
    expect(labels({}, texts)).toEqual(texts.map(() => 1));
  });

  it("of 0 or -1, in any spelling, is a negative", () => {
    const texts = ["0", "0.0", "-0", "+0", "00", "0e5", "-1", "-1.0", "-1e0", "false", "False"];
    expect(labels({}, texts)).toEqual(texts.map(() => 0));
  });

  it("of another number, or of no number, is rejected", () => {
    expect(labels({}, ["2", "0.5", "-2", "11", "4294967297", "1.0000001"])).toEqual(Array(6).fill("unknown_label"));
    expect(labels({}, ["", "yes", "nan", "NaN", "inf", "1e999", "tru", "truer", "0x1"])).toEqual(
      Array(9).fill("bad_label"),
    );
  });

  it("is compared with any positive number; beside a positive 0, -1 or 2, a 1 is a negative", () => {
    expect(labels({ positive: { equals: "2.0" } }, ["2", "2.0", "1", "0", "3"])).toEqual([1, 1, 0, 0, "unknown_label"]);
    expect(labels({ positive: { equals: "0" } }, ["0", "0.0", "-0", "1", "-1"])).toEqual([1, 1, 1, 0, 0]);
    expect(labels({ positive: { equals: "-1" } }, ["-1", "-1.0", "1", "0"])).toEqual([1, 1, 0, 0]);
    expect(labels({ positive: { equals: "123456789" } }, ["123456789", "123456789.0", "1"])).toEqual([1, 1, 0]);
  });

  it("is compared as text with a positive word", () => {
    expect(labels({ positive: { equals: "yes" } }, ["yes", "no", "1", "yes "])).toEqual([1, 0, 0, 0]);
    expect(labels({ positive: { equals: "0x1" } }, ["0x1", "1"])).toEqual([1, 0]);
  });

  it("is used as a probability if labels are soft", () => {
    expect(labels({ soft: true }, ["0", "1", "0.25", "1e-1", "true"])).toEqual([0, 1, 0.25, Math.fround(0.1), 1]);
    expect(labels({ soft: true }, ["-1", "1.1", "x", ""])).toEqual([
      "unknown_label",
      "unknown_label",
      "bad_label",
      "bad_label",
    ]);
  });

  it.each([
    ["json", ['{"label":1.0}', '{"label":true}', '{"label":"1"}', '{"label":false}', '{"label":-1}', '{"label":2}']],
    ["vw", ["+1 |a x", "1.0 |a x", "1 |a x", "0 |a x", "-1 |a x", "2 |a x"]],
  ] as const)("of %s is a number too", (format, rows) => {
    const spec = specOf([a], { events: { format, columns: [], header: false, separator: "" } });
    const { batch, rejects } = lines(spec, rows.join("\n"));
    expect([...batch.labels]).toEqual([1, 1, 1, 0, 0]);
    expect(rejects).toEqual(["6 unknown_label label"]);
  });

  it("that is invalid does not prevent scoring", () => {
    const { batch, rejects } = lines(tsv({}), "?\tx\n1\ty\n", { requireLabel: false });
    expect([...batch.labels]).toEqual([Number.NaN, 1]);
    expect(rejects).toEqual([]);
  });
});

describe("an importance weight", () => {
  it("of 1e18, which would outweigh all other rows, is rejected; a million is not", () => {
    const spec = specOf([a], {
      label: { ...plain, weight: "w" },
      events: { ...specOf([]).events, columns: ["label", "a", "w"] },
    });
    const weights = ["1e6", "1e-6", "1000001", "1e18", "0", "-1", "inf"];
    const { batch, rejects } = lines(spec, weights.map((w) => `1\tx\t${w}\n`).join(""));
    expect([...batch.weights]).toEqual([1e6, Math.fround(1e-6)]);
    expect(rejects).toEqual([3, 4, 5, 6, 7].map((row) => `${row} bad_weight w`));
  });
});

describe("an event time", () => {
  const time = (unit: "s" | "ms") => ({ time: { from: "t", unit } });
  const of = (text: string, unit: "s" | "ms" = "ms") => {
    const { batch, rejects } = lines(tsv(time(unit)), `1\tx\t${text}\n`);
    return batch.rows === 1 ? batch.times[0] : rejects[0].split(" ")[1];
  };

  it.each([
    "2024-02-29T23:59:59Z",
    "2024-02-29T23:59:59.123Z",
    "2000-01-01T00:00:00+05:30",
    "1999-12-31T23:00:00-02:00",
    "2026-03-01T12:34Z",
    "2099-12-31",
  ])("%s is what Date.parse says", (text) => {
    expect(of(text)).toBe(Date.parse(text));
    expect(of(text, "s")).toBe(Date.parse(text));
  });

  it("is UTC by default, in any spelling", () => {
    const expected = Date.UTC(2011, 10, 9, 8, 7, 6);
    for (const text of [
      "2011-11-09 08:07:06",
      "2011-11-09T08:07:06",
      "2011-11-09 08:07:06 UTC",
      "2011-11-09 08:07:06+00",
    ])
      expect(of(text)).toBe(expected);
    expect(of("2011-11-09 08:07")).toBe(expected - 6000);
    expect(of("2011-11-09 08:07:06.5")).toBe(expected + 500);
    expect(of("2011-11-09 08:07:06.123456789")).toBeCloseTo(expected + 123.456789, 3);
    expect(of("2011-11-09 10:07:06 +0200")).toBe(expected);
  });

  it("of every day of four centuries is correct", () => {
    const days = Array.from({ length: 130 * 365 }, (_, i) => Date.UTC(1970, 0, 2 + i));
    const rows = days.filter((day, i) => i % 7 === 0 && day < Date.UTC(2100, 0));
    const spec = tsv(time("ms"));
    const text = rows.map((day) => `1\tx\t${new Date(day).toISOString().slice(0, 10)}\n`).join("");
    const [{ batch }] = feed(new Decoder(spec, { capacity: rows.length }), Buffer.from(text));
    expect([...batch.times]).toEqual(rows);
  });

  it.each([
    "2023-02-29",
    "2024-13-01",
    "2024-00-01",
    "2024-01-32",
    "2024-1-1",
    "24-01-01",
    "2024-01-01T",
    "2024-01-01 24:00",
    "2024-01-01 10",
    "2024-01-01 10:00:61",
    "2024-01-01 10:00:00.",
    "2024-01-01 10:00:00+",
    "2024-01-01 10:00:00 CET",
    "noon",
    "01/02/2024",
    "2024-01-01x",
  ])("%s is invalid", (text) => {
    expect(of(text)).toBe("bad_time");
  });

  it("that is impossible is rejected: zero, negative, or years off as in another unit", () => {
    for (const text of ["0", "-1", "1969-12-31", "1700000000000000", "4102444800000", "2100-01-01"])
      expect(of(text)).toBe("impossible_time");
    expect(of("1700000000000", "s")).toBe("impossible_time");
    expect(of("1700000000", "s")).toBe(1700000000000);
    expect(of("")).toBe("missing_time");
  });

  it("of JSON may be a date", () => {
    const spec = specOf([a], {
      label: { ...plain, time: { from: "t", unit: "s" } },
      events: { format: "json", columns: [], header: false, separator: "" },
    });
    const rows = ['"2024-05-31T10:00:00Z"', "1717149600", '"1717149600"'].map((t) => `{"label":1,"t":${t}}`);
    const { batch, rejects } = lines(spec, rows.join("\n"));
    expect([...batch.times]).toEqual([1717149600000, 1717149600000]);
    expect(rejects).toEqual(["3 bad_time t"]);
  });

  it("that is impossible does not prevent scoring", () => {
    const { batch, rejects } = lines(tsv(time("s")), "1\tx\t-1\n", { requireLabel: false });
    expect(batch.rows).toBe(1);
    expect(rejects).toEqual([]);
  });
});

describe("a value that no field reads", () => {
  it.each([
    ["tsv", "1\tx\t\xff\n"],
    ["csv", '1,x,"\xff"\n'],
    ["json", '{"label":1,"a":"x","b":"\xff","c":{"d":["\xfe"]}}\n'],
    ["vw", "1 |a x |b \xff |b:two twice\n"],
  ] as const)("cannot reject a row of %s", (format, text) => {
    const spec = specOf([a], {
      events: { format, columns: ["label", "a", "b"], header: false, separator: format === "csv" ? "," : "\t" },
    });
    const [{ batch, rejects }] = feed(new Decoder(spec, { capacity: 9 }), Buffer.from(text, "latin1"));
    expect(rejects).toEqual([]);
    expect(batch.rows).toBe(1);
  });

  it("in tsv, csv and vw rejects the row if it is read", () => {
    const { rejects } = (() => {
      const [taken] = feed(new Decoder(tsv({}), { capacity: 9 }), Buffer.from("1\t\xff\n", "latin1"));
      return taken;
    })();
    expect(rejects).toMatchObject([{ code: "bad_utf8", column: "a" }]);
  });
});

describe("a namespace's scale", () => {
  const spec = specOf(
    [
      { name: "tags", type: "bag", from: "tags", separator: "|", combiner: "sum", max_length: 9 },
      { name: "n", type: "numeric", from: "n", transform: "raw", missing: 0 },
      { name: "v", type: "vector", from: "v", separator: "|", length: 2, take: 2 },
      { name: "bucket", type: "buckets", from: "n", boundaries: [0, 1, 2, 3] },
      a,
    ],
    { events: { format: "vw", columns: [], header: false, separator: "" } },
  );
  const row = (text: string) => rowsOf(spec, lines(spec, text).batch)[0];

  it("multiplies every value of the namespace", () => {
    const scaled = row("1 |tags:0.5 x y:2 z:-1 |n:10 n:0.25 |v:2 a:1 b:3 |a:7 id");
    const written = row("1 |tags x:0.5 y:1 z:-0.5 |n n:2.5 |v a:2 b:6 |a id");
    expect(scaled).toEqual(written);
    expect(scaled.bags[0].weights).toEqual([0.5, 1, -0.5]);
    expect(scaled.numbers).toEqual([2.5]);
  });

  it("of one row does not carry over to the next", () => {
    const { batch } = lines(spec, "1 |tags:0.5 x |n:2 3\n1 |tags x |n 3\n");
    const [first, second] = rowsOf(spec, batch);
    expect([first.numbers, first.bags[0].weights]).toEqual([[6], [0.5]]);
    expect([second.numbers, second.bags[0].weights]).toEqual([[3], [1]]);
  });

  it("that is not a number rejects the row, if the namespace is read", () => {
    expect(lines(spec, "1 |tags:x a\n1 |tags: a\n1 |other:x a\n1 |n:1e10 1e10\n").rejects).toEqual([
      "1 bad_vw ",
      "2 bad_vw ",
      "4 number_out_of_range n",
    ]);
  });
});

describe("a key", () => {
  const events = { ...specOf([]).events, format: "json", columns: [] } as const;
  const keyed = (key: readonly string[]): CompiledSpec => specOf([], { label: { ...plain, key }, events });
  const row = (user: unknown, ad: unknown) => `${JSON.stringify({ label: 1, user, ad })}\n`;

  it("of one value equals its id, and one of several values depends on all of them in order", () => {
    const text = [row("u", "a"), row("ua", "a"), row("u", "aa"), row("a", "u"), row("u", "a")].join("");
    const id = lines(specOf([], { label: { ...plain, id: "user" }, events }), text).batch.ids.slice();
    expect(lines(keyed(["user"]), text).batch.ids).toEqual(id);
    const both = [...lines(keyed(["user", "ad"]), text).batch.ids];
    expect(new Set(both).size).toBe(4);
    expect(both[4]).toBe(both[0]);
    expect(lines(keyed(["ad", "user"]), text).batch.ids[3]).toBe(both[0]);
  });

  it("that lacks a value rejects the event with the value's name, unless no key is required", () => {
    const text = [row("u", ""), row(undefined, "a"), row("u", "a")].join("");
    const spec = keyed(["user", "ad"]);
    expect(lines(spec, text)).toMatchObject({ batch: { rows: 1 }, rejects: ["1 missing_id ad", "2 missing_id user"] });
    expect(lines(spec, text, { requireLabel: false }).batch.rows).toBe(3);
  });
});
