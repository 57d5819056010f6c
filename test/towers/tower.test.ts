import { describe, expect, it } from "vitest";
import type { CompiledTower } from "../../src/spec/compiled.js";
import type { TowerShape } from "../../src/towers/tower.js";
import { buildTower } from "../../src/towers/tower.js";
import { checkGradients } from "../graph/gradient-check.js";
import { combinations, randomFeeds, shapes, towers } from "./fixtures.js";
import { evaluate, type Value } from "./reference.js";

const ROWS = 4;

function doubles(feeds: ReturnType<typeof randomFeeds>): Map<string, Value> {
  return new Map(
    Object.entries(feeds).map(([name, { data, shape }]) => [name, { shape, data: Float64Array.from(data) }]),
  );
}

describe("buildTower", () => {
  it.each(combinations)("%s: gradients equal finite differences of the loss", (_, tower, shape) => {
    const { train, parameters } = buildTower(tower, shape, 5);
    const feeds = doubles(randomFeeds(train, parameters, ROWS));
    const [labels, weights] = [feeds.get("labels")!.data, feeds.get("weights")!.data];
    const loss = () => {
      const [logits] = evaluate(feeds, ROWS, [train.outputs.get("logits")!]);
      return logits.data.reduce((sum, z, i) => sum + weights[i] * (Math.log1p(Math.exp(z)) - labels[i] * z), 0);
    };
    const pairs = [...train.outputs].filter(([name]) => name !== "logits");
    const expected = [...shape.tables.map(({ name }) => `x_${name}`), ...(shape.wide ? ["wide"] : [])];
    expect(pairs.map(([name]) => name)).toEqual(
      [...expected, ...parameters.map(({ name }) => name)].map((n) => `d_${n}`),
    );
    checkGradients(
      feeds,
      ROWS,
      loss,
      pairs.map(([name, gradient]) => ({ name: name.slice(2), gradient })),
    );
  });

  it.each(combinations)("%s: train and infer give the same logits", (_, tower, shape) => {
    const { train, infer, parameters } = buildTower(tower, shape, 5);
    const feeds = doubles(randomFeeds(train, parameters, ROWS));
    const [a] = evaluate(feeds, ROWS, [train.outputs.get("logits")!]);
    const [b] = evaluate(feeds, ROWS, [infer.outputs.get("logits")!]);
    expect(a).toEqual(b);
    expect(a.shape).toEqual([ROWS, 1]);
    expect(new Set(a.data).size).toBe(ROWS);
  });

  it("initialises weights as a function of the seed", () => {
    const parameters = (seed: number) => buildTower(towers.deep_crossing, shapes["all inputs"], seed).parameters;
    expect(parameters(1)).toEqual(parameters(1));
    expect(parameters(1)[0].initial).not.toEqual(parameters(2)[0].initial);
  });

  it("draws weights and biases within ±1/√inputs", () => {
    const { parameters } = buildTower(towers.deep_crossing, shapes["embeddings only"], 9);
    const byName = new Map(parameters.map((parameter) => [parameter.name, parameter]));
    for (const [name, inputs] of [
      ["residual.0.inner.w", 24],
      ["residual.0.outer.w", 12],
      ["residual.0.outer.b", 12],
    ] as const) {
      const largest = Math.max(...byName.get(name)!.initial.map(Math.abs));
      expect(largest, name).toBeLessThanOrEqual(1 / Math.sqrt(inputs));
      expect(largest, name).toBeGreaterThan(0.8 / Math.sqrt(inputs));
    }
  });

  const mixed: TowerShape = {
    tables: [
      { name: "ids", cells: 2, dim: 4 },
      { name: "tags", cells: 1, dim: 8 },
    ],
    numbers: 0,
    vectors: 0,
    wide: 0,
  };
  const none: TowerShape = { tables: [], numbers: 2, vectors: 0, wide: 0 };
  const one: TowerShape = { tables: [{ name: "ids", cells: 1, dim: 4 }], numbers: 0, vectors: 0, wide: 0 };
  it.each<[string, CompiledTower, TowerShape, string]>([
    ["deepfm with unequal dims", towers.deepfm, mixed, "tables.tags.dim: 8"],
    ["dlrm with unequal dims", towers.dlrm, mixed, "tables.tags.dim: 8"],
    ["deepfm without a table", towers.deepfm, none, "tower.deepfm: requires an embedding table"],
    ["dlrm with a single vector", towers.dlrm, one, "tower.dlrm: requires at least two vectors"],
    ["a tower without inputs", towers.wide_deep, { ...none, numbers: 0 }, "fields: the tower has no input"],
  ])("refuses %s", (_, tower, shape, message) => {
    expect(() => buildTower(tower, shape, 1)).toThrow(
      expect.objectContaining({
        code: "spec_invalid",
        message: expect.stringContaining(message),
        hint: expect.any(String),
      }),
    );
  });

  it("has no graph for lr", () => {
    expect(() => buildTower({ ...towers.dlrm, kind: "lr" }, one, 1)).toThrow(
      expect.objectContaining({ code: "internal" }),
    );
  });
});
