import onnxProto from "onnx-proto";
import { describe, expect, it } from "vitest";
import { Graph } from "../../src/graph/graph.js";
import { toOnnx } from "../../src/graph/onnx.js";
import { onnxruntime } from "../../src/runtimes/onnxruntime.js";
import { buildTower } from "../../src/towers/tower.js";
import { combinations, randomFeeds, shapes, towers } from "../towers/fixtures.js";

const ort = onnxruntime();

const { onnx } = onnxProto;

describe("toOnnx", () => {
  it.each(combinations)("%s: nodes follow their inputs, and every name is defined once", (_, tower, shape) => {
    const { train, infer } = buildTower(tower, shape, 1);
    for (const graph of [train, infer]) {
      const { graph: file } = onnx.ModelProto.decode(toOnnx(graph));
      const known = new Set([...file!.input!, ...file!.initializer!].map(({ name }) => name!));
      for (const { input, output } of file!.node!) {
        for (const name of input!) expect(known).toContain(name);
        for (const name of output!) {
          expect(known).not.toContain(name);
          known.add(name);
        }
      }
      for (const { name } of file!.output!) expect(known).toContain(name);
      const used = new Set(file!.node!.flatMap(({ input }) => input!));
      for (const { name } of file!.initializer!) expect(used, "onnxruntime warns about unused ones").toContain(name);
    }
  });

  it("writes opset 17, IR 8, and the batch dimension as B", () => {
    const graph = new Graph();
    graph.output("y", graph.relu(graph.input("x", ["B", 3])));
    const model = onnx.ModelProto.decode(toOnnx(graph));
    expect(Number(model.irVersion)).toBe(8);
    expect(model.opsetImport.map(({ domain, version }) => [domain, Number(version)])).toEqual([["", 17]]);
    const dims = model.graph!.input![0].type!.tensorType!.shape!.dim!;
    expect([dims[0].dimParam, Number(dims[1].dimValue)]).toEqual(["B", 3]);
  });

  it("embeds the parameters in an export, which scores the same", async () => {
    const { infer, parameters } = buildTower(towers.deep_crossing, shapes["all inputs"], 1);
    const feeds = randomFeeds(infer, parameters, 8);
    const initializers = new Map(parameters.map(({ name }) => [name, feeds[name].data]));
    const exported = await ort.InferenceSession.create(toOnnx(infer, { initializers }));
    const trained = await ort.InferenceSession.create(toOnnx(infer));
    expect(exported.inputNames).toEqual(infer.inputs.map(({ name }) => name));
    const tensors = (names: readonly string[]) =>
      Object.fromEntries(names.map((name) => [name, new ort.Tensor("float32", feeds[name].data, feeds[name].shape)]));
    const { logits: a } = await exported.run(tensors(exported.inputNames));
    const { logits: b } = await trained.run(tensors(trained.inputNames));
    (a.data as Float32Array).forEach((logit, i) => {
      expect(logit).toBeCloseTo((b.data as Float32Array)[i], 5);
    });
  });

  it("refuses an export without a parameter's value", () => {
    const { infer } = buildTower(towers.deep_crossing, shapes["all inputs"], 1);
    expect(() => toOnnx(infer, { initializers: new Map() })).toThrow("no value for parameter residual.0.inner.w");
  });
});
