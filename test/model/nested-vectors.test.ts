import { describe, expect, it } from "vitest";
import { Batch, type BatchLayout, batchLayout } from "../../src/core/batch.js";
import { Rng } from "../../src/core/rng.js";
import { CutVectors, NestedVectors, type Prefixes } from "../../src/model/nested-vectors.js";
import { TowerModel } from "../../src/model/tower-model.js";
import { cutSpec } from "../../src/spec/cut.js";
import { parseSpec } from "../../src/spec/parse.js";

const source = (tower: string, nested = "true") => `
name: nested
events: { format: tsv, columns: [label, a, b, tags, c] }
label: { field: label }
fields:
  - { name: a, type: categorical, table: ids }
  - { name: b, type: categorical, table: ids }
  - { name: tags, type: bag, max_length: 4, table: ids }
  - { name: c, type: categorical, table: others }
tables:
  ids: { dim: 4, salt: field, init: 0.3, optimizer: { sgd: { learning_rate: 0.1 } } }
  others: { encoding: shared, rows: 32, dim: 4, init: 0.3, optimizer: { sgd: { learning_rate: 0.1 } }, nested: [2] }
tower: { ${tower}: {}, optimizer: { sgd: { learning_rate: 0.1 } } }
train: { batch: 16, nested: ${nested} }
`;

const RATE = 0.1;
/** The label's share of the target of truncated vectors; the rest is the prediction with full vectors. */
const OF_LABEL = 0.15;
/** Weight of the gradients of truncated vectors. */
const WEIGHT = 2;
/** Step of the finite differences. */
const STEP = 0.002;
/** The scale of a truncated vector as an exponent of dim / prefix. */
const EXPONENT = 0.25;

function batchOf(layout: BatchLayout, rows: number, seed: number): Batch {
  const rng = new Rng(seed);
  const batch = new Batch(layout, rows, new ArrayBuffer(layout.bytes));
  const key = () => BigInt.asUintN(64, BigInt(rng.below(6) + 1) * 0x9e3779b97f4a7c15n);
  for (const t of [0, 1]) batch.keys(t).set(BigUint64Array.from(batch.keys(t), key));
  batch.labels.set(batch.labels.map(() => rng.below(2)));
  batch.weights.fill(1);
  const offsets = new Uint32Array(batch.buffer, layout.bags[0].offsets, rows + 1);
  for (let r = 0; r < rows; r++) offsets[r + 1] = offsets[r] + rng.below(4);
  const bag = batch.bag(0);
  bag.keys.set(bag.keys.map(key));
  bag.weights.fill(1);
  return batch;
}

async function modelOf(tower: string, nested?: string) {
  const spec = parseSpec(source(tower, nested), "test.yaml");
  const layout = batchLayout(spec, spec.batch);
  return { spec, layout, model: await TowerModel.create(spec, { layout, threads: 1, purpose: "train" }) };
}

const stateOf = (model: TowerModel) =>
  new Map(model.blocks().map((block) => [block.name, { ...block, data: block.data.slice() }]));

/** The prefixes drawn for an event: the components that remain of vectors of ones. */
function drawnFor(spec: TowerFixture["spec"], event: number): Prefixes {
  const x = [new Float32Array(3 * 4).fill(1), new Float32Array(4).fill(1)];
  NestedVectors.of(spec)!.cut(x, 1, event);
  const left = (values: Float32Array) => values.filter((value) => value > 0).length;
  const [a, b, tags] = [0, 4, 8].map((from) => left(x[0].subarray(from, from + 4)));
  return { a, b, tags, c: left(x[1]) };
}

type TowerFixture = Awaited<ReturnType<typeof modelOf>>;

const crossEntropy = (label: number, logit: number) => Math.log1p(Math.exp(logit)) - label * logit;

/** The sum of the events' losses with full vectors, and with those drawn for each. @param targets of the truncated ones */
async function lossOf(
  { spec, model }: TowerFixture,
  { batch, first, targets }: { batch: Batch; first: number; targets: readonly number[] },
): Promise<number> {
  let loss = 0;
  const cuts = Array.from({ length: batch.rows }, (_, r) => drawnFor(spec, first + r));
  (await model.predict(batch)).forEach((logit, r) => {
    loss += crossEntropy(batch.labels[r], logit);
  });
  (await model.predictCuts(batch, cuts)).forEach((logits, r) => {
    loss += WEIGHT * crossEntropy(targets[r], logits[r]);
  });
  return loss;
}

describe.each(["deep_crossing", "deepfm"])("nested vectors under %s", (tower) => {
  it("in one batch of three rows get the gradient of both losses, of full and of truncated vectors, by finite differences", async () => {
    const fixture = await modelOf(tower);
    const { model, layout } = fixture;
    const batch = batchOf(layout, 16, 3);
    for (let i = 0; i < 2; i++) await model.learn(batch);
    const whole = (await model.predict(batch)).slice();
    const targets = [...whole].map((logit, r) => OF_LABEL * batch.labels[r] + (1 - OF_LABEL) / (1 + Math.exp(-logit)));
    const before = stateOf(model);
    const store = model.tables[0].stores[0];
    const rows = new Map(
      [...store.exportRows()].flatMap(({ keys }) => [...keys].map((key) => [key, store.lookup(key)!] as const)),
    );
    await model.learn(batch);
    const checked = [...rows].slice(0, 6);
    const found = checked.flatMap(([key, { weights }]) => {
      const after = store.lookup(key)!.weights;
      return [...weights.map((w, i) => (w - after[i]) / RATE)];
    });
    const lossAt = (row: number, component: number, by: number) => {
      const block = before.get("table/ids/rows")!;
      const data = block.data.slice();
      const place = row * store.layout.stride + store.layout.keyBytes + 4 * component;
      const floats = new DataView(data.buffer, data.byteOffset);
      floats.setFloat32(place, floats.getFloat32(place, true) + by, true);
      model.restore(new Map([...before, ["table/ids/rows", { ...block, data }]]));
      return lossOf(fixture, { batch, first: 32, targets });
    };
    const slopes: number[] = [];
    for (const [, { row }] of checked)
      for (let i = 0; i < 4; i++)
        slopes.push(((await lossAt(row, i, STEP)) - (await lossAt(row, i, -STEP))) / (2 * STEP));
    const norm = (values: readonly number[]) => Math.hypot(...values);
    expect(norm(slopes)).toBeGreaterThan(0.01);
    // relu has kinks, and f32 has few digits.
    expect(norm(found.map((g, i) => g - slopes[i])) / norm(slopes)).toBeLessThan(0.03);
    await model.close();
  });

  it("continue to the same bytes from a restored state, for any batch boundaries", async () => {
    const [first, second] = [await modelOf(tower), await modelOf(tower)];
    await first.model.learn(batchOf(first.layout, 16, 1));
    second.model.restore(stateOf(first.model));
    for (const { model, layout } of [first, second]) await model.learn(batchOf(layout, 9, 2));
    expect(stateOf(second.model)).toEqual(stateOf(first.model));
    await first.model.close();
    await second.model.close();
  });

  it("predict with full vectors while learning, and with truncated ones like a model of that size", async () => {
    const { spec, layout, model } = await modelOf(tower);
    await model.learn(batchOf(layout, 16, 1));
    const batch = batchOf(layout, 16, 2);
    const cut = { a: 1, b: 4, tags: 2, c: 2 };
    const whole = (await model.predict(batch)).slice();
    const [cutLogits] = await model.predictCuts(batch, [cut]);
    const cutModel = await TowerModel.create(cutSpec(spec, cut), { layout, threads: 1, purpose: "score" });
    cutModel.restore(stateOf(model));
    expect((await cutModel.predict(batch)).slice()).toEqual(cutLogits);
    expect(cutLogits).not.toEqual(whole);
    expect((await model.learn(batch)).logits).toEqual(whole);
    await cutModel.close();
    await model.close();
  });
});

describe("the drawn prefixes", () => {
  const spec = parseSpec(source("deep_crossing"), "test.yaml");

  it("depend on the event's number alone, beyond 2^32 too", () => {
    const ones = (rows: number) => [new Float32Array(rows * 12).fill(1), new Float32Array(rows * 4).fill(1)];
    const [whole, parts] = [ones(100), [ones(60), ones(40)]];
    const first = 2 ** 32 - 50;
    NestedVectors.of(spec)!.cut(whole, 100, first);
    const nested = NestedVectors.of(spec)!;
    nested.cut(parts[0], 60, first);
    nested.cut(parts[1], 40, first + 60);
    expect([...parts[0][0], ...parts[1][0]]).toEqual([...whole[0]]);
    const elsewhere = ones(100);
    NestedVectors.of(spec)!.cut(elsewhere, 100, 0);
    expect(elsewhere[0]).not.toEqual(whole[0]);
  });

  it("are proportionally more often long, and limited to those of the table", () => {
    const counts = new Map<number, number>();
    const others = new Set<number>();
    const events = 4000;
    for (let event = 0; event < events; event++) {
      const { a, c } = drawnFor(spec, event);
      counts.set(a, (counts.get(a) ?? 0) + 1);
      others.add(c);
    }
    // In three of four events all fields are truncated alike, never to full vectors.
    for (const prefix of [1, 2, 4]) {
      const share = 0.75 * (prefix < 4 ? prefix / 3 : 0) + (0.25 * prefix) / 7;
      const deviation = Math.abs(counts.get(prefix)! - events * share) / Math.sqrt(events * share * (1 - share));
      expect(deviation, `${prefix}`).toBeLessThan(5);
    }
    expect([...others].sort()).toEqual([2, 4]);
  });

  it("gradients of truncated components are 0, and the others are scaled like the vectors", () => {
    const x = [new Float32Array(12).fill(1), new Float32Array(4).fill(1)];
    const nested = NestedVectors.of(spec)!;
    nested.cut(x, 1, 5);
    const gradients = [new Float32Array(12).fill(1), new Float32Array(4).fill(1)];
    nested.cutGradients(gradients, 1);
    expect(gradients).toEqual(x);
  });
});

it("truncated vectors have zeros after the prefix, and a similar norm", () => {
  const spec = parseSpec(source("deep_crossing"), "test.yaml");
  const x = [Float32Array.from({ length: 12 }, (_, i) => i + 1), new Float32Array(4).fill(1)];
  new CutVectors(spec, { a: 1 }).cut(x, 1);
  expect([...x[0].subarray(0, 5)]).toEqual([Math.fround(4 ** EXPONENT), 0, 0, 0, 5]);
});

describe("prefixes of a spec", () => {
  const problem = (text: string) => {
    try {
      parseSpec(text, "test.yaml");
    } catch (error) {
      return (error as Error).message;
    }
    return "none";
  };
  const flat = (tower: string, nested: string) => `
name: flat
events: { format: tsv, columns: [label, a, b, c] }
label: { field: label }
fields: [{ name: a, type: categorical, table: ids }, { name: b, type: categorical, table: ids }, { name: c, type: categorical, table: ids }]
tables: { ids: { salt: field${nested} } }
tower: ${tower}
`;

  it("are powers of two up to dim, the given ones, or none", () => {
    const { tables } = parseSpec(source("dlrm"), "test.yaml");
    expect(tables.map(({ nested }) => nested)).toEqual([
      [1, 2, 4],
      [2, 4],
    ]);
    const [ids, others] = parseSpec(source("dlrm", "false"), "test.yaml").tables;
    expect(Object.hasOwn(ids, "nested")).toBe(false);
    expect(others.nested).toEqual([2, 4]);
    expect(parseSpec(flat("deepfm", ", dim: 8, nested: [8, 4, 4]"), "x").tables[0].nested).toEqual([4, 8]);
  });

  it.each([
    ["lr", ", nested: true", "tables.ids.nested: lr has one weight per key"],
    ["ffm", ", nested: true", "cannot be cut to a prefix"],
    ["deep_ffm", ", nested: true", "cannot be cut to a prefix"],
    ["deepfm", ", dim: 8, nested: [16]", "tables.ids.nested: prefix 16 exceeds the table's dim, 8"],
    ["deepfm", ", dim: 8, nested: [0]", "must be at least 1"],
  ])("of %s%s are refused", (tower, nested, message) => {
    expect(problem(flat(tower, nested))).toContain(message);
  });

  it.each([
    [{ d: 2 }, "--dims d=2: d is neither a field nor a table of this model"],
    [{ a: 3 }, "--dims a=3: a was trained with the prefixes 1, 2, 4"],
    [{ all: 1 }, "--dims all=1: the shortest prefix of table others is 2"],
  ])("--dims %j is refused", (dims, message) => {
    expect(() => cutSpec(parseSpec(source("dlrm"), "test.yaml"), dims as Record<string, number>)).toThrow(message);
  });

  it("--dims of a model that is not nested is refused", () => {
    expect(() => cutSpec(parseSpec(flat("deepfm", ""), "x"), { all: 8 })).toThrow("has no nested vectors");
  });

  it("a field's own prefix overrides its table's, and that overrides the general one", () => {
    const { tables } = cutSpec(parseSpec(source("dlrm"), "test.yaml"), { all: 2, ids: 1, a: 4 });
    expect(tables.map(({ cells }) => cells.map(({ prefix }) => prefix))).toEqual([[undefined, 1, 1], [2]]);
  });

  it("a field named as what every object inherits is cut as any other", () => {
    const named = source("dlrm").replaceAll(" a,", " constructor,");
    const { tables } = cutSpec(parseSpec(named, "test.yaml"), { all: 2 });
    expect(tables[0].cells.map(({ field, prefix }) => [field, prefix])[0]).toEqual(["constructor", 2]);
  });
});
