import { describe, expect, it } from "vitest";
import { Rng } from "../../src/core/rng.js";
import { type Graph, withRows } from "../../src/graph/graph.js";
import { buildSmallNetwork, type SmallNetworkGraphs, type SmallNetworkShape } from "../../src/graph/small-network.js";
import { evaluate, type Value } from "../towers/reference.js";
import { checkGradients, randomValue } from "./gradient-check.js";

const ROWS = 12;
/** Number of these that are padding. */
const PADDING = 3;

const base: SmallNetworkShape = {
  name: "ids.decoder",
  inputs: 5,
  outputs: 3,
  depth: 2,
  width: 4,
  activation: "mish",
  batchNorm: true,
  learnsInputs: true,
  inputPower: 1 / 3,
  outputPower: 0.25,
};
const shapes: Readonly<Record<string, SmallNetworkShape>> = {
  "mish, batch norm": base,
  "relu, batch norm": { ...base, activation: "relu" },
  "mish, biases": { ...base, batchNorm: false },
  "one layer": { ...base, depth: 1 },
  projection: { ...base, depth: 0, batchNorm: false },
};

/** Random rows, weights other than the initial ones, statistics of no batch, and `share` of a batch with padding: the weight of each row. */
function feedsOf({ parameters, statistics }: SmallNetworkGraphs, graph: Graph, byBatch: number): Map<string, Value> {
  const rng = new Rng(4);
  const feeds = new Map<string, Value>();
  for (const { name, shape } of graph.inputs) feeds.set(name, randomValue(rng, withRows(shape, ROWS)));
  for (const { name, shape, initial } of [...parameters, ...statistics]) {
    const noise = randomValue(rng, shape).data;
    feeds.set(name, { shape, data: Float64Array.from(initial, (w, i) => w + noise[i] / 4) });
  }
  const share = Float64Array.from({ length: ROWS }, (_, i) => (i < ROWS - PADDING ? 1 / (ROWS - PADDING) : 0));
  if (feeds.has("share")) feeds.set("share", { shape: [ROWS, 1], data: share });
  if (feeds.has("batch")) feeds.set("batch", { shape: [1], data: Float64Array.of(byBatch) });
  const seeds = feeds.get("d_vectors")?.data;
  seeds?.fill(0, (seeds.length / ROWS) * (ROWS - PADDING));
  return feeds;
}

const output = (graph: Graph, name: string) => graph.outputs.get(name)!;

describe("buildDecoder", () => {
  it.each(Object.entries(shapes))(
    "%s: gradients equal finite differences, by the batch and by running statistics",
    (_, shape) => {
      const built = buildSmallNetwork(shape, 3);
      const { backward, forward } = built;
      for (const byBatch of [1, 0]) {
        const feeds = feedsOf(built, backward, byBatch);
        const objective = () => {
          const [{ data }] = evaluate(feeds, ROWS, [output(forward, "vectors")]);
          return data.reduce((sum, v, i) => sum + v * feeds.get("d_vectors")!.data[i], 0);
        };
        const names = [...backward.outputs.keys()].map((name) => name.slice("d_".length));
        expect(names).toEqual(["x", ...built.parameters.map(({ name }) => name)]);
        checkGradients(
          feeds,
          ROWS,
          objective,
          names.map((name) => ({ name, gradient: output(backward, `d_${name}`) })),
        );
      }
    },
  );

  it("normalises a batch by its own statistics, whatever its padding contains", () => {
    const built = buildSmallNetwork({ ...base, depth: 1 }, 3);
    const feeds = feedsOf(built, built.forward, 1);
    const before = evaluate(feeds, ROWS, [output(built.forward, "vectors")])[0].data.slice(0, (ROWS - PADDING) * 3);
    feeds.get("x")!.data.fill(7, (ROWS - PADDING) * 5);
    for (const name of ["mean", "variance"]) feeds.get(`ids.decoder.0.${name}`)!.data.fill(0.3);
    const after = evaluate(feeds, ROWS, [output(built.forward, "vectors")])[0].data.slice(0, (ROWS - PADDING) * 3);
    expect(after).toEqual(before);
  });

  it("returns the difference of the running statistics from the batch's", () => {
    const built = buildSmallNetwork({ ...base, depth: 1 }, 3);
    const feeds = feedsOf(built, built.forward, 1);
    const [x, w] = [feeds.get("x")!.data, feeds.get("ids.decoder.0.w")!.data];
    const count = ROWS - PADDING;
    for (let column = 0; column < 4; column++) {
      const h = Array.from({ length: count }, (_, r) =>
        [0, 1, 2, 3, 4].reduce((sum, k) => sum + x[r * 5 + k] * w[k * 4 + column], 0),
      );
      const mean = h.reduce((sum, v) => sum + v, 0) / count;
      const variance = h.reduce((sum, v) => sum + (v - mean) ** 2, 0) / count;
      for (const [name, value] of [
        ["mean", mean],
        ["variance", variance],
      ] as const) {
        const found = evaluate(feeds, ROWS, [output(built.forward, `d_ids.decoder.0.${name}`)])[0].data[column];
        expect(found).toBeCloseTo(feeds.get(`ids.decoder.0.${name}`)!.data[column] - value, 10);
      }
    }
  });

  it("infers as in training if the running statistics equal the batch's", () => {
    const built = buildSmallNetwork({ ...base, depth: 1 }, 3);
    const feeds = feedsOf(built, built.forward, 1);
    for (const { name } of built.statistics) {
      const [deviation] = evaluate(feeds, ROWS, [output(built.forward, `d_${name}`)]);
      const { shape, data } = feeds.get(name)!;
      feeds.set(name, { shape, data: data.map((value, i) => value - deviation.data[i]) });
    }
    const [trained] = evaluate(feeds, ROWS, [output(built.forward, "vectors")]);
    const [inferred] = evaluate(feeds, ROWS, [output(built.infer, "vectors")]);
    trained.data.forEach((v, i) => {
      expect(inferred.data[i]).toBeCloseTo(v, 8);
    });
  });

  it.each(["mish", "relu"] as const)("initialises outputs with the requested power: %s", (activation) => {
    const shape = { ...base, activation, inputs: 64, width: 64, outputs: 16, depth: 3, inputPower: 1 / 3 };
    const built = buildSmallNetwork(shape, 8);
    const rng = new Rng(2);
    const data = Float64Array.from({ length: 64 * 64 }, () => 2 * rng.uniform() - 1);
    const feeds = new Map<string, Value>([["x", { shape: [64, 64], data }]]);
    for (const { name, shape, initial } of [...built.parameters, ...built.statistics])
      feeds.set(name, { shape, data: Float64Array.from(initial) });
    const [{ data: vectors }] = evaluate(feeds, 64, [output(built.infer, "vectors")]);
    const power = vectors.reduce((sum, v) => sum + v * v, 0) / vectors.length;
    expect(power).toBeGreaterThan(0.25 / 2);
    expect(power).toBeLessThan(0.25 * 2);
  });

  it("computes no input gradients unless requested, and has the same weights for the same seed", () => {
    const shape = { ...base, learnsInputs: false };
    expect(buildSmallNetwork(shape, 1).backward.outputs.has("d_x")).toBe(false);
    expect(buildSmallNetwork(shape, 1).parameters).toEqual(buildSmallNetwork(shape, 1).parameters);
    expect(buildSmallNetwork(shape, 1).parameters).not.toEqual(buildSmallNetwork(shape, 2).parameters);
  });
});
