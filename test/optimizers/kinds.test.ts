import { expect, it } from "vitest";
import {
  emptiesRows,
  learningRate,
  lighterThan,
  type OptimizerSpec,
  optimizerFor,
  optimizerKinds,
  optimizerOf,
  storesWeights,
} from "../../src/optimizers/index.js";
import { compileOptimizer, Optimizer } from "../../src/optimizers/schema.js";
import { Compile } from "../../src/schema/compile.js";
import { Problems } from "../../src/schema/problems.js";
import { optimizerSpecs } from "./specs.js";

it("the contract suite covers every kind", () => {
  expect(new Set(Object.values(optimizerSpecs).map(({ kind }) => kind))).toEqual(new Set(optimizerKinds));
});

const validator = Compile(Optimizer);
const specs = optimizerKinds.map((kind) => compileOptimizer(kind, "optimizer", new Problems("f.yaml")));
const ftrl = specs.find(({ kind }) => kind === "ftrl")! as Extract<OptimizerSpec, { kind: "ftrl" }>;

it.each(specs.map((spec) => [spec.kind, spec] as const))(
  "%s: its defaults are a valid compiled optimizer",
  (kind, spec) => {
    expect(validator.Check(spec)).toBe(true);
    expect(validator.Check({ ...spec, other: 1 })).toBe(false);
    expect(Object.keys(optimizerOf(kind).source).sort()).toEqual(Object.keys(optimizerOf(kind).compiled).sort());
    expect(learningRate(spec)).toMatchObject({ times: 1 });
    expect(optimizerFor(spec).slots[0].name).toBe(storesWeights(kind) ? "w" : "z");
  },
);

it("every optimizer has a distinct number; FTRL has another one with the group lasso, which zeroes rows", () => {
  const group = { ...ftrl, l21: 0.1 };
  const numbers = [...specs, group].map((spec) => optimizerFor(spec).id);
  expect(new Set(numbers).size).toBe(numbers.length);
  expect([ftrl, group].map(emptiesRows)).toEqual([false, true]);
  expect(optimizerFor(group)).toMatchObject({ wholeRows: true, hyper: [0.2, 0.05, 0, 0, 0.1] });
});

it("the optimizers that a full table's hint names have less state than its own", () => {
  expect(lighterThan("ftrl", 8)).toEqual(["rowwise_adagrad", "sgd"]);
  expect(lighterThan("ftrl", 1)).toEqual(["sgd"]);
  expect(lighterThan("rowwise_adagrad", 8)).toEqual(["sgd"]);
  expect(lighterThan("sgd", 8)).toEqual([]);
});

it("single weights that learn event by event have their own defaults, which a spec can override", () => {
  const problems = new Problems("f.yaml");
  expect(compileOptimizer("ftrl", "o", problems, true)).toMatchObject({ alpha: 0.1, beta: 1 });
  expect(compileOptimizer({ ftrl: { beta: 2 } }, "o", problems, true)).toMatchObject({ alpha: 0.1, beta: 2 });
  expect(problems.count).toBe(0);
  compileOptimizer({ ftrl: {}, sgd: {} }, "o", problems);
  expect(problems.count).toBe(1);
});
