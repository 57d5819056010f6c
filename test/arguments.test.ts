import { describe, expect, it } from "vitest";
import * as library from "../src/index.js";
import { Client } from "../src/portable/client.js";
import { Scorer as PortableScorer } from "../src/portable/node.js";

/** The plain functions of the library: all exports but classes. */
const functions = Object.entries(library).filter(([, value]) => !/^class\b/.test(String(value)));
const { Scorer, Models, RowCache, RowDirectory, loadSpec, train, trainTogether, predict } = library;
const spec = "features/ads-demo.yaml";

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
    ["predict: out is missing: it must be a path", () => predict(any({ checkpoint: "run", data: [] }))],
    [
      "trainTogether: contenders: out is missing: it must be a path",
      () => trainTogether(any({ contenders: [{ name: "a", spec: loadSpec(spec) }], data: [] })),
    ],
  ])("%s", async (message, call) => {
    expect(await refusal(call)).toBe(`usage: ${message}`);
  });
});
