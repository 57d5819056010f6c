import { describe, expect, it } from "vitest";
import * as library from "../src/index.js";
import { Client } from "../src/portable/client.js";
import { Scorer as PortableScorer } from "../src/portable/node.js";

/** The plain functions of the library: all exports but classes. */
const functions = Object.entries(library).filter(([, value]) => !/^class\b/.test(String(value)));
const { Scorer, Models, RowCache, RowDirectory, loadSpec, train, trainTogether, predict } = library;
const spec = "features/ads-demo.yaml";
const run = { model: spec, data: "missing.tsv", out: "run" };
const scored = { checkpoint: "run", data: "missing.tsv" };

/** What a call without type checks throws, or rejects with: its code and message. */
async function refusal(call: () => unknown): Promise<string> {
  try {
    await call();
  } catch (error) {
    const { code, message } = error as library.HashbrookError;
    return `${code}: ${message}`;
  }
  return "nothing";
}
/** As a caller from JavaScript passes it. */
const any = (value: unknown) => value as never;

describe("a call from JavaScript with wrong arguments says which one, not what became undefined", () => {
  it.each(functions)("%s without arguments", async (name, called) => {
    const call = called as (...given: unknown[]) => unknown;
    expect(await refusal(() => call())).toMatch(
      new RegExp(`^usage: ${name}: (must be given an object|\\w+ is missing)`),
    );
    expect(await refusal(() => call(42))).toMatch(new RegExp(`^usage: ${name}: `));
  });

  it.each<[string, () => unknown]>([
    ["Scorer.load: path is missing: it must be a path", () => Scorer.load(any(undefined))],
    ["Scorer.load: path must be a path, not an object", () => Scorer.load(any({ checkpoint: "run" }))],
    ['Scorer.follow: source must be what openFollow returned, not "runs/log"', () => Scorer.follow(any("runs/log"))],
    ["Models.of: scorer is missing: it must be a Scorer or Models", () => Models.of(any(undefined))],
    ["RowCache.open: url is missing: it must be a text", () => RowCache.open(any(undefined))],
    ["RowDirectory.open: path is missing: it must be a path", () => RowDirectory.open(any(undefined))],
    ["Client: retries must be a whole number of at least 0, not -1", () => new Client("http://a", { retries: -1 })],
    [
      "Client: timeoutMs must be a number of at least 0, not NaN",
      () => new Client("http://a").ready({ timeoutMs: NaN }),
    ],
    [
      "Client.score: must be given an object with candidates, model, not undefined",
      () => new Client("http://a").score(any(undefined)),
    ],
    ["Client: url is missing: it must be an address: http://HOST:PORT", () => new Client(any(undefined))],
    [
      "Scorer.load: source must be a path, an address (a URL) or the bytes of a model's file, not 7",
      () => PortableScorer.load(any(7)),
    ],
    [
      "train: model is missing: it must be the path of a model spec (features/*.yaml), or what loadSpec returned",
      () => train(any({ out: "run" })),
    ],
    ["train: out is missing: it must be a path", () => train(any({ model: spec }))],
    [
      'train: data must be a path, a pattern or "simulate:ROWS", or an array of them, not 5',
      () => train(any({ model: spec, out: "run", data: 5 })),
    ],
    [
      'train: topic must be { kafka, topic, group, start, stop, onLost }, not "clicks"',
      () => train(any({ model: spec, out: "run", topic: "clicks" })),
    ],
    [
      'train: publish must be { urls: [ADDRESS, …] }, not "runs/log"',
      () => train(any({ ...run, publish: "runs/log" })),
    ],
    [
      'train: data must be a path, a pattern or "simulate:ROWS", or an array of them, not an array of undefined',
      () => train(any({ ...run, data: [undefined] })),
    ],
    ["train: epoch: no such option", () => train(any({ ...run, epoch: 3 }))],
    ["train: validateLst: no such option", () => train(any({ ...run, validateLst: 0.2 }))],
    ["train: signal must be an AbortSignal, not an object", () => train(any({ ...run, signal: {} }))],
    ["train: onProgress must be a function, not true", () => train(any({ ...run, onProgress: true }))],
    ['train: resume must be true or false, not "false"', () => train(any({ ...run, resume: "false" }))],
    ["train: initFrom must be a path, not 5", () => train(any({ ...run, initFrom: 5 }))],
    [
      'train: initTables must be an array of { table, path }, not an array of "x"',
      () => train({ ...run, initTables: any(["x"]) }),
    ],
    ['train: freeze must be an array of texts, not "tower"', () => train(any({ ...run, freeze: "tower" }))],
    [
      'train: checkpointSeconds must be a number of at least 0, not "x"',
      () => train(any({ ...run, checkpointSeconds: "x" })),
    ],
    ["train: maxSkipped must be a number from 0 to 1, not NaN", () => train({ ...run, maxSkipped: Number.NaN })],
    ["keep 0: must be a whole number of at least 1", () => train({ ...run, keep: 0 })],
    ["limit Symbol(ten): must be a whole number of at least 0", () => train({ ...run, limit: any(Symbol("ten")) })],
    ["--lanes 2: must be a whole number from 1 to 64", () => train({ ...run, lanes: any("2") })],
    ["--lanes null: must be a whole number from 1 to 64", () => train({ ...run, lanes: any(null) })],
    ["--lanes 65: must be a whole number from 1 to 64", () => train({ ...run, lanes: 65 })],
    ["evaluate: by must be a text, not 5", () => library.evaluate({ ...scored, by: any(5) })],
    ["evaluate: groupAuc must be a text, not null", () => library.evaluate({ ...scored, groupAuc: any(null) })],
    ["predict: signal must be an AbortSignal, not 5", () => predict({ ...scored, out: "x", signal: any(5) })],
    ["explain: by must be a text, not an empty array", () => library.explain({ ...scored, by: any([]) })],
    [
      "check: rows must be a whole number of at least 1, not 5.5",
      () => library.check({ model: spec, data: "x", rows: 5.5 }),
    ],
    [
      "draftSpec: rows must be a whole number of at least 1, not NaN",
      () => library.draftSpec({ data: "x", rows: Number.NaN }),
    ],
    [
      "simulate: rows must be a whole number of at least 0, not Infinity",
      () => library.simulate({ rows: Infinity, seed: 1, format: "tsv", write: () => {} }),
    ],
    [
      "inspect: names must be a path or pattern, or an array of them, not 5",
      () => library.inspect({ checkpoint: "run", names: any(5) }),
    ],
    [
      "item2vec: onProgress must be a function, not null",
      () => library.item2vec({ data: "x", out: "run", onProgress: any(null) }),
    ],
    ["Scorer.load: workers must be a whole number of at least 0, not -1", () => Scorer.load("run", { workers: -1 })],
    ["Scorer.load: dims must be { FIELD_OR_TABLE: COMPONENTS }, not 4", () => Scorer.load("run", { dims: any(4) })],
    ["predict: out is missing: it must be a path", () => predict(any({ checkpoint: "run", data: [] }))],
    [
      'predict: format must be one of scores, tsv, csv, jsonl, not "xml"',
      () => predict({ checkpoint: "run", data: "x", out: "y", format: any("xml") }),
    ],
    [
      'draftSpec: tower must be one of deep_crossing, lr, not "dlrm"',
      () => library.draftSpec({ data: "x", tower: any("dlrm") }),
    ],
    [
      'exportModel: precision must be one of f32, f16, int8, int4, not "f64"',
      () => library.exportModel({ checkpoint: "run", out: "x", precision: any("f64") }),
    ],
    [
      'exportModel: formats: format must be one of onnx, safetensors, npy, scorer, not "json"',
      () => library.exportModel({ checkpoint: "run", out: "x", formats: [any("json")] }),
    ],
    [
      'Scorer.load: precision must be one of f32, f16, int8, int4, not "f64"',
      () => Scorer.load("run", { precision: any("f64") }),
    ],
    [
      'simulate: format must be one of tsv, json, not "csv"',
      () => library.simulate({ rows: 1, seed: 1, format: any("csv"), write: () => {} }),
    ],
    [
      "simulate: split must be { impressions, clicks, window }, not 0",
      () => library.simulate({ rows: 1, seed: 1, format: "tsv", write: () => {}, split: any(0) }),
    ],
    [
      "inspect: top must be a whole number of at least 0, not Symbol(ten)",
      () => library.inspect({ checkpoint: "run", top: any(Symbol("ten")) }),
    ],
    ["limit an object: must be a whole number of at least 0", () => train({ ...run, limit: any(Object.create(null)) })],
    [
      "dim an object: must be a whole number of at least 1",
      () => library.item2vec({ data: "x", out: "y", dim: any(Object.create(null)) }),
    ],
    ['evaluate: checkpoint must be a path, not "\\u0000"', () => library.evaluate({ ...scored, checkpoint: "\0" })],
    [
      "trainTogether: contenders: out is missing: it must be a path",
      () => trainTogether(any({ contenders: [{ name: "a", spec: loadSpec(spec) }], data: [] })),
    ],
  ])("%s", async (message, call) => {
    expect(await refusal(call)).toBe(`usage: ${message}`);
  });
});
