import { describe, expect, it } from "vitest";
import { rowLayout } from "../../src/core/row-layout.js";
import { encodingBytes } from "../../src/encodings/index.js";
import { optimizerFor } from "../../src/optimizers/index.js";
import { parseBytes, parseSeconds } from "../../src/schema/units.js";
import type { CompiledTable } from "../../src/spec/compiled.js";
import { parseSpec } from "../../src/spec/parse.js";
import { rowBytes } from "../../src/tables/bytes.js";
import { optimizerSpecs } from "../optimizers/specs.js";
import fc from "../properties.js";

const text = (table: string, tower = "deep_crossing") => `name: m
events: { format: tsv, columns: [label, a, b] }
fields:
  - { name: a, type: categorical, table: ids }
  - { name: b, type: categorical, table: ids }
tables:
  ids: ${table}
tower: ${tower}
`;
const tables = (table: string): readonly CompiledTable[] => parseSpec(text(table), "f.yaml").tables;
const compiled = (table: string): CompiledTable => tables(table)[0];

describe("compiled table options", () => {
  it("include the defaults of an encoding", () => {
    expect(compiled("{ encoding: shared, rows: 100 }")).toMatchObject({
      rows: 100,
      shared: { lookups: 2, combine: "concat" },
    });
    expect(compiled("{ encoding: multi_hash, rows: 100 }").multi_hash).toEqual({ hashes: 2, importance_rows: 100 });
    expect(compiled("{ encoding: dhe }").dhe).toMatchObject({
      optimizer: { kind: "adagrad", learning_rate: 0.02 },
      code: "gaussian",
    });
    expect(compiled("{ encoding: low_dim, low_dim: { dim: 2 } }").low_dim).toMatchObject({ dim: 2 });
    expect(compiled("{ encoding: compositional, rows: 101 }").compositional).toEqual({
      partitions: [51, 50],
      scheme: "mixed_radix",
      combine: "mult",
      range: 2550,
    });
  });

  it("have more rows of fewer bytes, and omit defaults", () => {
    const rows = (more: string) =>
      compiled(`{ encoding: hash, dim: 16, budget: 1 MB, optimizer: rowwise_adagrad${more} }`).rows;
    expect([rows(""), rows(", precision: f16"), rows(", precision: int8")]).toEqual([12_460, 27_585, 44_942]);
    expect(compiled("{ precision: f32, rounding: stochastic }")).not.toHaveProperty("precision");
    expect(compiled("{ precision: f32, rounding: stochastic }")).not.toHaveProperty("rounding");
    expect(compiled("{ precision: f16, rounding: nearest }")).toMatchObject({ precision: "f16", rounding: "nearest" });
  });

  it.each([
    ["{ precision: int8 }", "precision", /cannot learn in int8 with ftrl/],
    ["{ precision: q2.13 }", "precision", /rows of 16 weights cannot learn in q2.13/],
    ["{ precision: int8, dim: 1, optimizer: sgd }", "precision", /rows of 1 weight cannot learn in int8/],
    ["{ encoding: dhe, precision: f16 }", "precision", /has no effect for dhe/],
    ["{ rounding: nearest }", "rounding", /has no effect without a precision/],
  ])("refuses %s", (table, key, message) => {
    expect(() => compiled(table)).toThrow(message);
    expect(() => compiled(table)).toThrow(new RegExp(`tables.ids.${key}`));
  });

  it("separate the fields of a shared table, but not those of others", () => {
    const seeds = (table: string) => new Set(compiled(table).cells.map(({ seed }) => seed)).size;
    expect(seeds("{ encoding: shared, rows: 100 }")).toBe(2);
    expect(seeds("{ encoding: shared, rows: 100, salt: table }")).toBe(1);
    expect(seeds("{ encoding: hash, rows: 100 }")).toBe(1);
  });

  it("nest the cold part, which inherits optimizer and init", () => {
    const { hot_cold, rows } = compiled(
      "{ encoding: hot_cold, rows: 10, init: 0.5, optimizer: adam, hot_cold: { cold: { encoding: shared, rows: 7 } } }",
    );
    expect(rows).toBe(10);
    expect(hot_cold).toMatchObject({
      sketch_rows: 10,
      cold: { name: "ids.cold", rows: 7, init: 0.5, optimizer: { kind: "adam" } },
    });
  });

  it("have a table for each field of mixed dimensions", () => {
    const mixed = tables("{ encoding: low_dim, dim: 16, low_dim: { alpha: 0.5, distinct: { a: 100, b: 6400 } } }");
    expect(mixed.map(({ name, encoding, dim, low_dim }) => [name, encoding, dim, low_dim?.dim])).toEqual([
      ["ids-a", "exact", 16, undefined],
      ["ids-b", "low_dim", 16, 2],
    ]);
  });

  it("evict rows zeroed by the group lasso, if there is an eviction rule", () => {
    const table = "{ optimizer: { ftrl: { l21: 0.1 } }, eviction: {} }";
    expect(compiled(table).eviction).toEqual({});
    expect(compiled("{ optimizer: { ftrl: { l21: 0.1 } } }")).not.toHaveProperty("eviction");
  });

  it("parse bytes and durations with units", () => {
    expect(["200 MB", "1.5 GiB", "12kb", "7", 5].map(parseBytes)).toEqual([200e6, 1.5 * 2 ** 30, 12e3, 7, 5]);
    expect(["7d", "12h", "30m", "90s", 3].map(parseSeconds)).toEqual([604800, 43200, 1800, 90, 3]);
    expect(["", "MB", "-3 MB", "1e3", "5 parsec", "0"].map(parseBytes)).toEqual(Array(6).fill(undefined));
  });
});

describe("bytes of a row", () => {
  const precisions = [undefined, "f16", "int8", "int4", "int2", "q2.13"] as const;
  const evictions = [undefined, { policy: "lru" }, { policy: "lfu", expire_time: 60 }] as const;

  it.each(Object.values(optimizerSpecs))("equal the table's layout: $kind", (optimizer) => {
    for (const encoding of ["hash", "exact"] as const) {
      for (const dim of [1, 3, 8, 17]) {
        for (const precision of precisions) {
          for (const eviction of encoding === "exact" ? evictions : [undefined]) {
            const store = {
              name: "s",
              encoding,
              rows: 1,
              dim,
              init: 0,
              optimizer,
              seed: "",
              ...(precision && { precision }),
              ...(eviction && { eviction }),
            };
            const { stride } = rowLayout(encoding, dim, optimizerFor(optimizer).slots, precision, eviction);
            expect(rowBytes(store), JSON.stringify(store)).toBe(stride);
          }
        }
      }
    }
  });
});

describe("a budget", () => {
  const shapes = [
    "encoding: hash",
    "encoding: shared, shared: { lookups: 4, combine: sum }",
    "encoding: compositional, compositional: { partitions: 3 }",
    "encoding: compositional, compositional: { scheme: chinese_remainder, combine: concat }",
    "encoding: multi_hash, multi_hash: { hashes: 3 }",
    "encoding: hot_cold",
    "encoding: hot_cold, hot_cold: { cold: { encoding: shared } }",
    "encoding: exact, eviction: { policy: lru }",
  ];

  it.each(shapes)("is respected and used: %s", (shape) => {
    fc.assert(
      fc.property(
        fc.integer({ min: 20_000, max: 2 ** 31 }),
        fc.constantFrom("ftrl", "adam", "rowwise_adagrad"),
        (budget, optimizer) => {
          const table = compiled(`{ ${shape}, budget: ${budget}, optimizer: ${optimizer}, dim: 12 }`);
          expect(encodingBytes(table)).toBeLessThanOrEqual(budget);
          expect(encodingBytes(table)).toBeGreaterThan(0.9 * budget);
        },
      ),
      { numRuns: 30 },
    );
  });
});

const refused: readonly (readonly [string, string, string])[] = [
  [
    "{ encoding: shared }",
    '"rows" is missing: a shared table has a fixed size',
    "e.g. rows: 1_000_000, or budget: 50 MB",
  ],
  [
    "{ encoding: hash, rows: 9, shared: { lookups: 2 } }",
    "shared: has no effect for hash",
    "write encoding: shared, or remove it",
  ],
  [
    "{ encoding: hash, rows: 9, eviction: { expire_time: 7d } }",
    "eviction: has no effect for hash",
    "write encoding: exact, or remove it",
  ],
  [
    "{ encoding: exact, eviction: { policy: lru } }",
    "eviction.policy: requires a budget, but none is given",
    "e.g. budget: 200 MB",
  ],
  [
    "{ encoding: exact, eviction: {} }",
    "eviction: has no rule by which rows are evicted",
    "e.g. { policy: lru } or { expire_time: 7d }",
  ],
  [
    "{ encoding: exact, eviction: { expire_time: soon } }",
    "eviction.expire_time: soon is not a duration",
    "e.g. 7d, 12h, 30m, 90s",
  ],
  [
    "{ encoding: exact, admission: {} }",
    "admission: must have either occurrence_threshold or admit_probability",
    "give exactly one of them",
  ],
  [
    "{ encoding: exact, admission: { occurrence_threshold: 1 } }",
    "admission.occurrence_threshold: must be at least 2, got 1",
    "Occurrences of an id before it gets a row of its own.",
  ],
  [
    "{ encoding: exact, admission: { occurrence_threshold: 70_000 } }",
    "admission.occurrence_threshold: must be at most 65535, got 70000",
    "Occurrences of an id before it gets a row of its own.",
  ],
  [
    "{ encoding: exact, admission: { admit_probability: 1 } }",
    "admission.admit_probability: must be below 1, got 1",
    "Instead: the chance that an occurrence gives its id a row.",
  ],
  ["{ encoding: hash, budget: lots }", "budget: lots is not a size in bytes", "e.g. 200 MB, 1.5 GiB, 50_000_000"],
  [
    "{ encoding: shared, rows: 1_000_000, budget: 1 MB }",
    "budget: the table needs 64.3 MB, but the budget is 1 MB",
    "at most about 15,562 rows, or a smaller dim",
  ],
  [
    "{ encoding: dhe, budget: 1 kB, dhe: { hashes: 64, width: 64 } }",
    "budget: the table needs 74.9 kB, but the budget is 1 kB",
    "lower width or hashes",
  ],
  [
    "{ encoding: shared, rows: 9, dim: 10, shared: { lookups: 4 } }",
    "dim: 10 floats cannot be split evenly into 4 rows",
    "a multiple of 4, or combine: sum",
  ],
  [
    "{ encoding: low_dim, dim: 4, low_dim: { dim: 8 } }",
    "low_dim.dim: 8 exceeds the table's dim, 4",
    "lower it below the table's dim",
  ],
  [
    "{ encoding: low_dim, low_dim: { distinct: { a: 5 } } }",
    'low_dim.distinct: field "b" is missing',
    "add the number of its distinct ids",
  ],
  [
    "{ encoding: compositional, compositional: { partitions: [10, 10], range: 101 } }",
    "compositional.range: 101 ids exceed the 100 combinations of the partitions",
    "use more rows per partition, more partitions, or a smaller range",
  ],
  [
    "{ encoding: compositional, compositional: { scheme: chinese_remainder, partitions: [10, 15] } }",
    "compositional.partitions: 10 and 15 have a common factor",
    "use coprime sizes, or give only the number of partitions",
  ],
  [
    "{ encoding: compositional, rows: 3 }",
    "rows: too few rows for the partitions",
    "at least 4 rows, or fewer partitions",
  ],
  [
    "{ encoding: hot_cold, rows: 5, hot_cold: { cold: { encoding: hash } } }",
    'hot_cold.cold: "rows" is missing: a hash table has a fixed size',
    "e.g. rows: 1_000_000, or budget: 50 MB",
  ],
];

it.each(refused)("refuses %s", (table, message, hint) => {
  const parse = () => tables(table);
  expect(parse).toThrow(expect.objectContaining({ code: "spec_invalid" }));
  expect(parse).toThrow(
    expect.objectContaining({ message: expect.stringContaining(message), hint: expect.stringContaining(hint) }),
  );
});

it("refuses encodings that lr and fm cannot learn", () => {
  for (const tower of ["lr", "fm"]) {
    expect(() => parseSpec(text("{ encoding: shared, rows: 9 }", tower), "f.yaml")).toThrow(
      /shared learns in batches, but the model learns event by event/,
    );
  }
});
