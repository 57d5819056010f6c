import { describe, expect, it } from "vitest";
import { loadRuntime, type TensorView } from "../../src/runtimes/runtime.js";
import { buildTower, type TowerShape } from "../../src/towers/tower.js";
import { checkGradients } from "../graph/gradient-check.js";
import { emptyFetches, randomFeeds, shapes, towers } from "./fixtures.js";
import { evaluate } from "./reference.js";

interface Knobs {
  readonly hidden?: readonly number[];
  readonly activation?: "relu" | "sigmoid" | "mish";
}

/** One bag of `most` items in a table of `dim`, whose query is the table's first vector. */
function oneBag(most: number, dim: number, knobs: Knobs = {}): TowerShape {
  const pooling = {
    kind: "attention",
    over: "bag",
    query: "id",
    hidden: [6, 3],
    activation: "relu",
    ...knobs,
  } as const;
  const places = { items: { table: 0, first: 1, most }, query: { table: 0, first: 0 } };
  const tables = [{ name: "ids", cells: 1 + most, dim }];
  return { tables, numbers: 0, vectors: 0, wide: 0, pooled: [{ over: "bag", ...places, pooling }] };
}

/** Feeds with zeros after the last item of every row, as a table writes them. */
function padded(shape: TowerShape, feeds: Record<string, TensorView>, rows: number): Record<string, TensorView> {
  for (const { over, items } of shape.pooled ?? []) {
    const { name, cells, dim } = shape.tables[items.table];
    for (let r = 0; r < rows; r++) {
      const start = (r * cells + items.first) * dim;
      feeds[`x_${name}`].data.fill(0, start + feeds[`length_${over}`].data[r] * dim, start + items.most * dim);
    }
  }
  return feeds;
}

describe("attention", () => {
  it.each(["relu", "sigmoid", "mish"] as const)(
    "gradients with %s equal finite differences of the loss",
    (activation) => {
      const ROWS = 3;
      const { train, parameters } = buildTower(towers.deep_crossing, oneBag(3, 4, { activation, hidden: [5] }), 5);
      const feeds = new Map(
        Object.entries(randomFeeds(train, parameters, ROWS)).map(([name, { data, shape }]) => [
          name,
          { shape, data: Float64Array.from(data) },
        ]),
      );
      const [labels, weights] = [feeds.get("labels")!.data, feeds.get("weights")!.data];
      const loss = () => {
        const [logits] = evaluate(feeds, ROWS, [train.outputs.get("logits")!]);
        return logits.data.reduce((sum, z, i) => sum + weights[i] * (Math.log1p(Math.exp(z)) - labels[i] * z), 0);
      };
      const found = [...train.outputs].filter(([name]) => name !== "logits");
      checkGradients(
        feeds,
        ROWS,
        loss,
        found.map(([name, gradient]) => ({ name: name.slice(2), gradient })),
      );
    },
  );

  it("gives padding no weight and no gradient, and zeros to a row without items", async () => {
    const shape = oneBag(4, 3);
    const { train, parameters } = buildTower(towers.deep_crossing, shape, 3);
    const feeds = randomFeeds(train, parameters, 5);
    feeds.length_bag.data.set([0, 1, 2, 3, 4]);
    const session = await (await loadRuntime("onnxruntime")).load(train, { threads: 1 });
    const logits = async () => {
      const fetches = emptyFetches(train, 5);
      await session.run(feeds, fetches);
      return fetches;
    };
    const before = await logits();
    for (let r = 0; r < 5; r++) {
      const gradient = before.d_x_ids.data.subarray((r * 5 + 1) * 3, (r + 1) * 5 * 3);
      expect([...gradient.subarray(r * 3)].map(Math.abs)).toEqual(new Array((4 - r) * 3).fill(0));
      if (r > 0) expect(gradient.subarray(0, r * 3).some((value) => value !== 0)).toBe(true);
    }
    const { data } = feeds.x_ids;
    for (let r = 0; r < 5; r++) data.fill(9, (r * 5 + 1 + r) * 3, (r + 1) * 5 * 3);
    expect((await logits()).logits.data).toEqual(before.logits.data);
    await session.release();
  });

  const sharing: [string, TowerShape][] = [
    ["pooled bags", shapes["pooled bags"]],
    ...[1, 2, 3, 4, 5, 7, 8, 20, 50].map((most): [string, TowerShape] => [`${most} items`, oneBag(most, 16)]),
    ["one unit", oneBag(5, 8, { hidden: [1] })],
    ["wide", oneBag(9, 7, { hidden: [80, 40, 3], activation: "sigmoid" })],
    ["mish", oneBag(6, 16, { hidden: [33], activation: "mish" })],
  ];
  it.each(sharing)("rows with shared items have the same bits as alone: %s", async (_, shape) => {
    const ROWS = 24;
    const { infer, shared, parameters } = buildTower(towers.deep_crossing, shape, 7);
    const feeds = padded(shape, randomFeeds(infer, parameters, ROWS), ROWS);
    const once: Record<string, TensorView> = {};
    for (const { over, items } of shape.pooled!) {
      const { name, cells, dim } = shape.tables[items.table];
      const lengths = feeds[`length_${over}`].data.fill(Math.min(3, items.most));
      const x = feeds[`x_${name}`].data;
      const from = items.first * dim;
      const first = x.slice(from, from + items.most * dim);
      first.forEach((_, i) => {
        first[i] = i < lengths[0] * dim ? Math.sin(i + 1) : 0;
      });
      for (let r = 0; r < ROWS; r++) x.set(first, r * cells * dim + from);
      once[`items_${over}`] = { data: first, shape: [1, first.length] };
    }
    const runtime = await loadRuntime("onnxruntime");
    const [own, all] = [emptyFetches(infer, ROWS), emptyFetches(shared!, ROWS)];
    const sessions = [await runtime.load(infer, { threads: 1 }), await runtime.load(shared!, { threads: 1 })];
    await sessions[0].run(feeds, own);
    await sessions[1].run({ ...feeds, ...once }, all);
    expect(all.logits.data).toEqual(own.logits.data);
    expect(new Set(all.logits.data).size).toBe(ROWS);
    for (const session of sessions) await session.release();
  });
});
