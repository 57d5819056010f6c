// Options for values: null_values, numbers_as_strings, several positive labels, units and zones of time.
import { describe, expect, it } from "vitest";
import { Decoder } from "../../src/decode/decoder.js";
import type { CompiledSpec, Format } from "../../src/spec/compiled.js";
import fc from "../properties.js";
import { decodeRequest, expectDecoded, expectRows, feed, rowsOf } from "./feed.js";
import { everySpec, rowText, specOf } from "./generate.js";
import { decodeFile, decodeMerged } from "./reference.js";

/** `everySpec` with all of these options. */
function declaredSpec(format: Format): CompiledSpec {
  const spec = everySpec(format);
  const own = (from: string): string[] => (from.endsWith("id") ? ["a"] : from.endsWith("age") ? ["5", "-1"] : []);
  const nulls = { null_values: ["b", "0", "id-1", "NA", "x".repeat(31)] };
  return {
    ...spec,
    events: { ...spec.events, ...(format === "vw" ? {} : nulls), numbers_as_strings: true },
    label: {
      ...spec.label,
      positive: { any_of: ["1", "yes", "4"] },
      time: { from: "time", unit: "us", zone: -90 },
    },
    fields: spec.fields.map((field) =>
      format !== "vw" && "from" in field && own(field.from).length > 0
        ? { ...field, null_values: own(field.from) }
        : field,
    ),
  };
}

/** Some numbers become strings. */
const quoted = (row: string) => row.replace(/:(\s*)(-?\d[\d.eE+-]*)(?=\s*[,}])/g, (_, space, x) => `:${space}"${x}"`);

const rowsText = (spec: CompiledSpec) =>
  fc.tuple(rowText(spec), fc.boolean()).map(([row, quote]) => (quote ? quoted(row) : row));

it.each(["tsv", "csv", "json", "vw"] as const)("%s: values equal the scalar reference", (format) => {
  const spec = declaredSpec(format);
  const decoder = new Decoder(spec, { capacity: 8 });
  let accepted = 0;
  fc.assert(
    fc.property(fc.array(rowsText(spec), { maxLength: 40 }), (rows) => {
      const file = Buffer.from(rows.join("\n"));
      const expected = decodeFile(spec, file);
      decoder.startAt(0, 0);
      expectDecoded(spec, feed(decoder, file), expected, 8);
      accepted += expected.rows.length;
    }),
    { numRuns: 100 },
  );
  expect(accepted).toBeGreaterThan(33);
});

it("a score request reads values as a file of the same events does", () => {
  const spec = declaredSpec("json");
  const decoder = new Decoder(spec, { capacity: 8, requireLabel: false });
  const good = fc
    .sample(rowsText(spec), { numRuns: 300, seed: 5 })
    .filter((text) => decodeFile(spec, Buffer.from(text), { requireLabel: false }).rows.length === 1);
  expect(good.length).toBeGreaterThan(50);
  fc.assert(
    fc.property(
      fc.constantFrom(...good),
      fc.array(fc.constantFrom(...good), { maxLength: 8 }),
      (context, candidates) => {
        const parts = candidates.map((text) => Buffer.from(text));
        const result = decodeRequest(decoder, Buffer.from(context), parts);
        if ("failure" in result) throw new Error(JSON.stringify(result.failure));
        const expected = candidates.map((candidate) => decodeMerged(spec, context, candidate));
        expectRows(rowsOf(spec, result.batch), expected, spec);
      },
    ),
    { numRuns: 100 },
  );
});

const a = { name: "a", type: "categorical", from: "a" } as const;
const x = { name: "x", type: "numeric", from: "x", transform: "raw", missing: 0 } as const;
const tags = { name: "tags", type: "bag", from: "tags", separator: "|", combiner: "sum", max_length: 9 } as const;
const v = { name: "v", type: "vector", from: "v", separator: ",", length: 2, take: 2 } as const;

function jsonSpec(events: Partial<CompiledSpec["events"]>, label: Partial<CompiledSpec["label"]> = {}): CompiledSpec {
  const spec = specOf([a, x, tags, v]);
  return {
    ...spec,
    events: { format: "json", columns: [], header: false, separator: "", ...events },
    label: { ...spec.label, ...label },
  };
}

const decoded = (spec: CompiledSpec, text: string) => {
  const [{ batch, rejects }] = feed(new Decoder(spec, { capacity: 99 }), Buffer.from(text));
  return { rows: rowsOf(spec, batch), rejects: rejects.map(({ code, column, row }) => `${row} ${code} ${column}`) };
};

describe("null_values", () => {
  const spec = jsonSpec({ null_values: ["NA", "\\N", "-1"] });

  it("are missing values, as a text or as a number, also in the context of a request", () => {
    const none = decoded(spec, '{"label":1}').rows;
    expect(decoded(spec, '{"label":1,"a":"NA","x":-1,"tags":"\\\\N","v":"NA"}').rows).toEqual(none);
    expect(decoded(spec, '{"label":1,"a":"na","tags":"NA|b"}').rows).not.toEqual(none);
    const decoder = new Decoder(spec, { capacity: 8, requireLabel: false });
    const [one, two] = ["{}", '{"a":"NA"}'].map((text) => Buffer.from(text));
    const rows = (context: string) => {
      const result = decodeRequest(decoder, Buffer.from(context), [one, two, one]);
      return "batch" in result ? rowsOf(spec, result.batch) : result.failure;
    };
    expect(rows('{"a":"NA","x":-1,"label":1}')).toEqual([none[0], none[0], none[0]]);
  });

  it("make a label, a time or an id missing", () => {
    const label = { positive: { any_of: ["buy"] }, time: { from: "t", unit: "ms" }, id: "id" } as const;
    const labelled = jsonSpec({ null_values: ["NA"] }, label);
    const good = { label: "buy", t: 1700000000000, id: "i" };
    const rows = [good, { ...good, label: "NA" }, { ...good, t: "NA" }, { ...good, id: "NA" }];
    expect(decoded(labelled, rows.map((row) => JSON.stringify(row)).join("\n")).rejects).toEqual([
      "2 bad_label label",
      "3 missing_time t",
      "4 missing_id id",
    ]);
  });
});

describe("numbers_as_strings", () => {
  it("accepts strings for numbers, vectors, weights and times; other strings are rejected as without it", () => {
    const label = { weight: "w", time: { from: "t", unit: "s" }, positive: { at_least: 3 } } as const;
    const written = '{"label":"4","x":"2.5","v":["1","2"],"w":"3","t":"1700000000","a":"7"}';
    const plain = '{"label":4,"x":2.5,"v":[1,2],"w":3,"t":1700000000,"a":"7"}';
    const { rows } = decoded(jsonSpec({}, label), plain);
    expect(decoded(jsonSpec({ numbers_as_strings: true }, label), written).rows).toEqual(rows);
    expect(decoded(jsonSpec({}), '{"label":1,"x":"2.5"}').rejects).toEqual(["1 bad_type x"]);
    expect(decoded(jsonSpec({ numbers_as_strings: true }), '{"label":1,"x":"much"}').rejects).toEqual([
      "1 bad_number x",
    ]);
  });
});

describe("several positives", () => {
  const labels = (any_of: string[], texts: string[]) => {
    const spec = jsonSpec({}, { positive: { any_of } });
    const { rows, rejects } = decoded(spec, texts.map((label) => `{"label":${label}}`).join("\n"));
    return [...rows.map(({ label }) => label), ...rejects];
  };

  it("make any other label a negative; a missing one is rejected", () => {
    expect(labels(["buy", "cart"], ['"buy"', '"cart"', '"view"', '"Buy"', "5", "true"])).toEqual([1, 1, 0, 0, 0, 0]);
    expect(labels(["buy"], ["null", '""', "[1]"])).toEqual([1, 2, 3].map((row) => `${row} bad_label label`));
  });

  it("that are numbers match any spelling; true is 1", () => {
    expect(labels(["2", "3"], ["2", "3.0", '"2.0"', "1", "0", "20"])).toEqual([1, 1, 1, 0, 0, 0]);
    expect(labels(["1", "2"], ["true", "false"])).toEqual([1, 0]);
    expect(labels(["true"], ["true", "false", "1"])).toEqual([1, 0, 0]);
  });
});

describe("an event time", () => {
  const times = (time: CompiledSpec["label"]["time"], texts: string[]) => {
    const spec = jsonSpec({}, { time });
    const { rows, rejects } = decoded(spec, texts.map((t) => `{"label":1,"t":${t}}`).join("\n"));
    return [...rows.map((row) => row.time), ...rejects];
  };

  it("in micro- or nanoseconds is exact to the last representable digit", () => {
    expect(times({ from: "t", unit: "us" }, ["1700000000123456", "1700000000000000.0"])).toEqual([
      1700000000123.456, 1700000000000,
    ]);
    expect(times({ from: "t", unit: "ns" }, ["1700000000123000000", "1.7e18", "1700000000123456789"])).toEqual([
      1700000000123, 1700000000000, 1700000000123.4568,
    ]);
    expect(times({ from: "t", unit: "ns" }, ["99999999999999999999", '"x"', "-1", "0"])).toEqual([
      "1 impossible_time t",
      "2 bad_time t",
      "3 impossible_time t",
      "4 impossible_time t",
    ]);
  });

  it("without a zone is in the declared zone; with one, in its own", () => {
    const noon = Date.UTC(2024, 4, 31, 12);
    const texts = ["2024-05-31 14:00", "2024-05-31T12:00Z", "2024-05-31T13:00:00.000+01:00", "2024-05-31 12:00 UTC"];
    const zoned = times(
      { from: "t", unit: "ms", zone: 120 },
      texts.map((text) => JSON.stringify(text)),
    );
    expect(zoned).toEqual([noon, noon, noon, noon]);
    expect(times({ from: "t", unit: "ms", zone: -480 }, ['"2024-05-31"'])).toEqual([Date.UTC(2024, 4, 31, 8)]);
  });
});
