import { describe, expect, it, test } from "vitest";
import { HashbrookError } from "../../src/core/errors.js";
import { canonicalJson } from "../../src/core/hash.js";
import { compiledFromJson } from "../../src/spec/compile.js";
import { specHash } from "../../src/spec/hash.js";
import { parseSpec } from "../../src/spec/parse.js";

const spec = (attention: string, { tower = "deep_crossing", length = 20, batch = 512 } = {}) => `name: shop
events: { format: tsv, columns: [label, user, item, seen, liked, price] }
fields:
  - { name: user, type: categorical, table: users }
  - { name: item, type: categorical, table: items }
  - { name: seen, type: bag, max_length: ${length}, table: items }
  - { name: liked, type: bag, max_length: 5, table: tags }
  - { name: price, type: numeric }
tables:
  users: { dim: 8 }
  items: { dim: 16, salt: table }
  tags: { dim: 16 }
tower: ${tower}
train: { batch: ${batch} }
${attention && `attention: ${attention}`}
`;

function problemsOf(text: string): string {
  try {
    parseSpec(text, "shop.yaml");
  } catch (error) {
    if (error instanceof HashbrookError) return error.message;
    throw error;
  }
  throw new Error("no error");
}

describe("attention", () => {
  it("has defaults, and stores the bag's items as vectors in its table's cells", () => {
    const compiled = parseSpec(spec("{ query: item, over: seen }"), "shop.yaml");
    expect(compiled.poolings).toEqual([
      { kind: "attention", query: "item", over: "seen", hidden: [36], activation: "relu" },
    ]);
    const cells = compiled.tables.flatMap(({ cells }) => cells.map(({ field, items }) => [field, items]));
    expect(cells).toEqual([
      ["user", undefined],
      ["item", undefined],
      ["seen", 20],
      ["liked", undefined],
    ]);
    expect(compiledFromJson(canonicalJson(compiled))).toEqual(compiled);
  });

  it("may occur several times, ordered by bag", () => {
    const list = "[{ query: item, over: liked, hidden: [8], activation: mish }, { query: item, over: seen }]";
    const { poolings } = parseSpec(spec(list), "shop.yaml");
    expect(poolings).toMatchObject([{ over: "seen" }, { over: "liked", hidden: [8], activation: "mish" }]);
  });

  it("does not change the hash of specs without it", () => {
    const compiled = parseSpec(spec(""), "shop.yaml");
    expect(Object.keys(compiled)).not.toContain("poolings");
    expect(canonicalJson(compiled)).not.toContain('"items":');
    expect(specHash(compiled)).not.toBe(specHash(parseSpec(spec("{ query: item, over: seen }"), "shop.yaml")));
  });

  test.each([
    ["{ query: item, over: sen }", 'attention.over: "sen" is not a field'],
    ["{ query: itm, over: seen }", 'attention.query: "itm" is not a field'],
    ["{ query: item, over: user }", 'attention.over: "user" is not a bag but a categorical field'],
    ["{ query: liked, over: seen }", 'attention.query: "liked" has no single vector'],
    ["{ query: price, over: seen }", 'attention.query: "price" has no single vector'],
    ["{ query: user, over: seen }", 'attention.query: "user" has dim 8, the items of "seen" have 16'],
    ["[{ query: item, over: seen }, { query: item, over: seen }]", 'attention[1].over: "seen" is pooled twice'],
    ["{ query: item, over: seen, hidden: [] }", "attention.hidden: needs 1 to 8 items, has 0"],
    ["{ query: item, over: seen, activation: tanh }", '"tanh" is not one of relu, sigmoid, mish'],
    ["{ over: seen }", 'attention: "query" is missing'],
    ["5", "attention: expected a map of keys"],
  ])("%s is refused", (attention, message) => {
    expect(problemsOf(spec(attention))).toContain(message);
  });

  it("is refused by a model that learns event by event", () => {
    expect(problemsOf(spec("{ query: item, over: seen }", { tower: "lr" }))).toContain(
      "attention: lr learns event by event",
    );
  });

  it("is refused if a batch's items do not fit in memory", () => {
    const text = spec("{ query: item, over: seen }", { length: 4096, batch: 4200 });
    expect(problemsOf(text)).toContain(
      "train.batch: the vectors of 4200 rows of table items take 1.0 GiB, the limit is 1",
    );
    expect(parseSpec(spec("{ query: item, over: seen }", { length: 4096, batch: 4000 }), "shop.yaml").batch).toBe(4000);
  });
});

const good = canonicalJson(parseSpec(spec("{ query: item, over: seen }"), "shop.yaml"));

test.each([
  ['"over":"seen","query"', '"over":"liked","query"', "the pooled bag liked has no item vectors"],
  ['"query":"item"', '"query":"user"', "user cannot be the query of seen"],
  ['"query":"item"', '"query":"seen"', "seen cannot be the query of seen"],
  ['"items":20,', "", "the pooled bag seen has no item vectors"],
  ['"field":"liked"', '"field":"liked","items":5', "/poolings do not match the bags with item vectors"],
  ['"hidden":[36]', '"hidden":[]', "/poolings/0"],
])("%s → %s is reported as damage", (from, to, what) => {
  expect(good).toContain(from);
  const read = () => compiledFromJson(good.replace(from, to));
  expect(read).toThrow(expect.objectContaining({ code: "checkpoint_damaged", message: expect.stringContaining(what) }));
});
