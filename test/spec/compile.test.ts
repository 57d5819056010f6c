import { describe, expect, test } from "vitest";
import xxhash from "xxhash-wasm";
import { stringify } from "yaml";
import { canonicalJson, fromHex64 } from "../../src/core/hash.js";
import { compiledFromJson } from "../../src/spec/compile.js";
import { specHash } from "../../src/spec/hash.js";
import { crossKeys, valueKeys } from "../../src/spec/keys.js";
import { parseSpec } from "../../src/spec/parse.js";
import fc from "../properties.js";

const compile = (text: string) => parseSpec(text, "f.yaml");

const news = `name: news
events: { format: tsv, columns: [label, article, device, hour, age, tags, price] }
fields:
  - { name: tags, type: bag, table: small }
  - { name: device, type: categorical, table: small }
  - { name: article, type: categorical, table: articles }
  - { name: age, type: numeric, transform: { buckets: [-1, 0, 10] } }
  - { name: price, type: numeric, transform: standardize }
  - { name: hour, type: categorical }
  - { name: article_x_device, type: cross, of: [article, device], table: articles }
  - { name: article_x_age, type: cross, of: [article, age], table: small }
tables:
  articles: { dim: 8 }
  small: { encoding: hash, rows: 1_000, salt: field }
tower: deep_crossing
wide: { fields: [hour, tags, price], bits: 10 }
`;

describe("defaults", () => {
  const spec = compile(news);

  test("of the whole", () => {
    expect(spec).toMatchObject({ seed: 42, batch: 512, window: 100_000, numbers: ["price"] });
    expect(spec.events).toEqual({
      format: "tsv",
      columns: ["label", "article", "device", "hour", "age", "tags", "price"],
      header: false,
      separator: "\t",
    });
    expect(spec.label).toEqual({
      from: "label",
      positive: { equals: "1" },
      weight: null,
      time: null,
      id: null,
      oracle: null,
    });
    expect(spec.tower).toEqual({
      kind: "deep_crossing",
      residual: [256, 256],
      hidden: [],
      bottom: [],
      cross_layers: 0,
      rank: 0,
      optimizer: { kind: "adam", learning_rate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
      runtime: "onnxruntime",
    });
  });

  test("of fields", () => {
    expect(spec.fields[0]).toEqual({
      name: "tags",
      type: "bag",
      from: "tags",
      separator: "|",
      combiner: "mean",
      max_length: 50,
    });
    expect(spec.fields[3]).toEqual({ name: "age", type: "buckets", from: "age", boundaries: [-1, 0, 10] });
    expect(spec.fields[4]).toEqual({
      name: "price",
      type: "numeric",
      from: "price",
      transform: "standardize",
      missing: 0,
    });
  });

  test("of tables, ordered by their first fields, the wide one last", () => {
    const ftrl = { kind: "ftrl", alpha: 0.2, beta: 0.05, l1: 0, l2: 0, l21: 0 };
    expect(spec.tables.map(({ seed: _, cells: __, ...rest }) => rest)).toEqual([
      { name: "small", role: "embedding", encoding: "hash", rows: 1000, dim: 16, init: 0.01, optimizer: ftrl },
      { name: "articles", role: "embedding", encoding: "exact", rows: 1024, dim: 8, init: 0.01, optimizer: ftrl },
      {
        name: "wide",
        role: "wide",
        encoding: "hash",
        rows: 1024,
        dim: 1,
        init: 0,
        optimizer: { ...ftrl, alpha: 0.1, beta: 1 },
      },
    ]);
  });

  test("cells: singles first, then bags, then numbers", () => {
    const cells = spec.tables.map((table) => table.cells.map(({ field, kind }) => `${field} ${kind}`));
    expect(cells).toEqual([
      ["device single", "article_x_age single", "tags bag"],
      ["article single", "article_x_device single"],
      ["hour single", "tags bag", "price number"],
    ]);
  });

  test("of lr and fm", () => {
    const linear = (tower: string) =>
      compile(
        `name: l\nevents: { format: json }\nfields: [{ name: a, type: categorical, table: w }, { name: n, type: numeric, table: w }]\ntables: { w: {} }\ntower: ${tower}\n`,
      );
    expect(linear("lr")).toMatchObject({
      batch: 4096,
      numbers: ["n"],
      tables: [{ dim: 1, init: 0, optimizer: { alpha: 0.1, beta: 1 } }],
    });
    expect(linear("fm")).toMatchObject({ batch: 4096, numbers: ["n"], tables: [{ dim: 8, init: 0.01 }] });
    expect(linear("lr").tables[0].cells.map(({ field, kind }) => [field, kind])).toEqual([
      ["a", "single"],
      ["n", "number"],
      ["(bias)", "bias"],
    ]);
    expect(linear("lr").events).toEqual({ format: "json", columns: [], header: false, separator: "" });
  });

  test.each([
    ["wide_deep", { hidden: [256, 128] }],
    ["dcn_v2", { hidden: [256, 128], cross_layers: 2, rank: 0 }],
  ])("of %s", (tower, knobs) => {
    expect(compile(news.replace("tower: deep_crossing", `tower: ${tower}`)).tower).toMatchObject({
      residual: [],
      bottom: [],
      ...knobs,
    });
  });

  test("of dlrm", () => {
    const same = news.replace("dim: 8", "dim: 16").replace("tower: deep_crossing", "tower: dlrm");
    expect(compile(same).tower).toMatchObject({ residual: [], hidden: [256, 128], bottom: [64] });
  });
});

describe("explicit options take precedence", () => {
  test.each([
    ["optimizer: ftrl", { kind: "ftrl", alpha: 0.2, beta: 0.05 }],
    ["optimizer: { ftrl: { alpha: 0.1, l21: 0.01 } }", { kind: "ftrl", alpha: 0.1, beta: 0.05, l21: 0.01 }],
    [
      "optimizer: { adagrad: { initial_accumulator: 0.1 } }",
      { kind: "adagrad", learning_rate: 0.05, initial_accumulator: 0.1 },
    ],
    ["optimizer: { rowwise_adagrad: { learning_rate: 1 } }", { kind: "rowwise_adagrad", learning_rate: 1 }],
    ["optimizer: { sgd: {} }", { kind: "sgd", learning_rate: 0.05 }],
  ])("%s", (text, optimizer) => {
    const { tables } = compile(news.replace("dim: 8", text));
    expect(tables[1].optimizer).toMatchObject(optimizer);
  });

  test("label: threshold, time, weight", () => {
    const text = news
      .replace("price] }\n", "price, stars, w, at] }\n")
      .replace(
        "fields:",
        'label: { from: stars, positive: ">= 4.5", weight: w, time: { from: at, unit: s } }\nfields:',
      );
    expect(compile(text).label).toEqual({
      from: "stars",
      positive: { at_least: 4.5 },
      weight: "w",
      time: { from: "at", unit: "s" },
      id: null,
      oracle: null,
    });
  });

  test("ranges name fields and their sources side by side", () => {
    const spec = compile(`name: r
events: { format: csv, columns: [label, I1..I2, c08..c11] }
fields:
  - { name: I1..I2, type: numeric, transform: log1p }
  - { name: k1..k4, from: c08..c11, type: categorical, table: t }
tables: { t: {} }
tower: deep_crossing
`);
    expect(spec.events.columns).toEqual(["label", "I1", "I2", "c08", "c09", "c10", "c11"]);
    expect(spec.fields.map((field) => [field.name, "from" in field && field.from])).toEqual([
      ["I1", "I1"],
      ["I2", "I2"],
      ["k1", "c08"],
      ["k2", "c09"],
      ["k3", "c10"],
      ["k4", "c11"],
    ]);
  });

  test("an anchor is replaced by its value", () => {
    const text = news
      .replace("articles: { dim: 8 }", "articles: { dim: 8, optimizer: &slow { ftrl: { alpha: 0.01 } } }")
      .replace("salt: field", "salt: field, optimizer: *slow");
    const { tables } = compile(text);
    expect(tables[0].optimizer).toEqual(tables[1].optimizer);
    expect(tables[0].optimizer).toMatchObject({ alpha: 0.01 });
  });
});

/** Computed by Python's xxhash 3 (`xxhash.xxh64_intdigest(text, seed=...)`), train.seed = 42. */
const python = {
  articles: "fd24eae323f886a5",
  deviceInSmall: "fd60087ccc611e34",
  value183367: "98e5e280891c0e28",
  saoPaulo: "39237f09e83861c6",
  empty: "16aacfa1c57202aa",
  cross183367x2: "84424fdf60d29afb",
};

describe("identity of values", () => {
  const spec = compile(news);
  const cell = (table: string, field: string) =>
    spec.tables.find(({ name }) => name === table)?.cells.find((c) => c.field === field)?.seed;

  test("seeds are those of Python's xxhash", () => {
    expect(spec.tables.map(({ seed }) => seed)).toContain(python.articles);
    expect(cell("articles", "article")).toBe(python.articles);
    expect(cell("articles", "article_x_device")).toBe(python.articles);
    expect(cell("small", "device")).toBe(python.deviceInSmall);
  });

  test("keys are those of Python's xxhash", () => {
    const keyOf = (text: string) => valueKeys(spec, "article", text);
    expect(keyOf("183367")).toEqual([{ table: "articles", key: python.value183367 }]);
    expect(keyOf("São Paulo")).toEqual([{ table: "articles", key: python.saoPaulo }]);
    expect(keyOf("")).toEqual([{ table: "articles", key: python.empty }]);
    expect(crossKeys(spec, "article_x_device", ["183367", "2"])).toEqual([
      { table: "articles", key: python.cross183367x2 },
    ]);
  });

  test("seeds are those of xxhash-wasm, for any train.seed", async () => {
    const { h64 } = await xxhash();
    fc.assert(
      fc.property(fc.maxSafeNat(), (seed) => {
        for (const table of compile(`${news}train: { seed: ${seed} }\n`).tables) {
          const tableSeed = h64(table.name, BigInt(seed));
          expect(fromHex64(table.seed)).toBe(tableSeed);
          for (const c of table.cells)
            expect(fromHex64(c.seed)).toBe(table.name === "articles" ? tableSeed : h64(c.field, tableSeed));
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe("any valid spec", () => {
  const optimizer = fc.oneof(
    fc.constantFrom("ftrl", "adagrad", "rowwise_adagrad", "adam", "sgd"),
    fc.record({
      ftrl: fc.record(
        { alpha: fc.double({ min: 1e-6, max: 1, noNaN: true }), l1: fc.double({ min: 0, max: 1, noNaN: true }) },
        { requiredKeys: [] },
      ),
    }),
    fc.record({
      adam: fc.record({ learning_rate: fc.double({ min: 1e-6, max: 1, noNaN: true }) }, { requiredKeys: [] }),
    }),
  );
  const transform = fc.oneof(
    fc.constant("log1p-bucket"),
    fc
      .uniqueArray(fc.integer({ min: -1000, max: 1000 }), { minLength: 1, maxLength: 8 })
      .map((x) => ({ buckets: x.sort((a, b) => a - b) })),
    fc.record({ log_buckets: fc.record({ per_doubling: fc.integer({ min: 1, max: 8 }) }, { requiredKeys: [] }) }),
  );
  const table = fc.record(
    {
      encoding: fc.constantFrom("hash", "exact"),
      rows: fc.integer({ min: 1, max: 100_000 }),
      dim: fc.integer({ min: 1, max: 32 }),
      salt: fc.constantFrom("table", "field"),
      optimizer,
    },
    { requiredKeys: ["encoding", "rows"] },
  );
  const field = fc.oneof(
    fc.record({ type: fc.constant("categorical"), table: fc.constantFrom("t0", "t1", "t2") }),
    fc.record({
      type: fc.constant("bag"),
      table: fc.constantFrom("t0", "t1", "t2"),
      max_length: fc.integer({ min: 1, max: 50 }),
    }),
    fc.record({ type: fc.constant("numeric"), transform: fc.constantFrom("raw", "log1p", "standardize") }),
    fc.record({ type: fc.constant("numeric"), transform, table: fc.constantFrom("t0", "t1", "t2") }),
    fc.record({ type: fc.constant("vector"), length: fc.integer({ min: 1, max: 16 }) }),
  );
  const spec = fc
    .record({
      fields: fc.array(field, { minLength: 1, maxLength: 12 }),
      tables: fc.record({ t0: table, t1: table, t2: table }),
      tower: fc.constantFrom("deep_crossing", "dcn_v2", { deep_crossing: { residual: [8] } }),
      train: fc.record({ seed: fc.maxSafeNat(), batch: fc.integer({ min: 1, max: 1024 }) }, { requiredKeys: [] }),
    })
    .map(({ fields, tables, tower, train }) => {
      const used = new Set<string | undefined>(fields.map((f) => ("table" in f ? f.table : undefined)));
      return {
        name: "any",
        events: { format: "json" },
        fields: fields.map((f, i) => ({ name: `f${i}`, ...f })),
        tables: Object.fromEntries(Object.entries(tables).filter(([name]) => used.has(name))),
        tower,
        train,
      };
    });

  /** The same value with the keys of every map in another order. */
  const reordered = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(reordered);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([key, inner]) => [key, reordered(inner)]),
    );
  };

  test("compiles, round-trips through its JSON, and does not depend on the order of YAML keys", () => {
    fc.assert(
      fc.property(spec, (value) => {
        const compiled = compile(stringify(value));
        const again = compile(stringify(reordered(value)));
        expect(canonicalJson(again)).toBe(canonicalJson(compiled));
        expect(specHash(again)).toBe(specHash(compiled));
        expect(compiledFromJson(canonicalJson(compiled))).toEqual(compiled);
      }),
    );
  });

  test("a different seed gives a different hash", () => {
    expect(specHash(compile(`${news}train: { seed: 1 }\n`))).not.toBe(specHash(compile(news)));
    expect(specHash(compile(`${news}train: { seed: 42 }\n`))).toBe(specHash(compile(news)));
  });
});
