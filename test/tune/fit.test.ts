import { readFileSync } from "node:fs";
import { expect, it, vi } from "vitest";
import { Rng } from "../../src/core/rng.js";
import { decodeIdentity } from "../../src/spec/decode-identity.js";
import { SpecDocument } from "../../src/spec/document.js";
import { compileDocument, parseSpec } from "../../src/spec/parse.js";
import { learnsByEvent } from "../../src/towers/index.js";
import { fit, mostBytes } from "../../src/tune/fit.js";
import { readProfile } from "../../src/tune/profile/read.js";
import { strategies } from "../../src/tune/strategies/index.js";
import type { Problem, Proposal } from "../../src/tune/strategies/strategy.js";
import { fullDocument, isCrowded, split, tunedTables } from "../../src/tune/tables.js";

async function setUp(file: string, rows: number, text = readFileSync(file, "utf8")) {
  const full = fullDocument(new SpecDocument(text));
  const spec = compileDocument(full, file);
  const profile = await readProfile(spec, { data: [`simulate:${rows}:7`] });
  return { full, spec, profile, tables: tunedTables(full, spec, profile) };
}

const demo = await setUp("features/ads-demo.yaml", 20_000);
const linear = await setUp("features/ads-demo-lr.yaml", 20_000);

/** All proposals of all strategies for a budget. */
function proposalsFor({ spec, tables }: typeof demo, budget: number): Proposal[] {
  const { tuned } = split(tables, budget);
  const problem: Problem = { spec, byEvent: learnsByEvent(spec.tower.kind), tables: tuned, budget, random: new Rng(1) };
  return strategies.flatMap((strategy) => [...strategy.propose(problem)]);
}

it.each([0.1, 0.01])("fits %f of the full bytes, and uses most of it", (share) => {
  for (const set of [demo, linear]) {
    const budget = Math.floor(share * set.tables.reduce((sum, { bytes }) => sum + bytes, 0));
    const fitted = proposalsFor(set, budget).map((proposal) => fit(set.full, set.tables, proposal, budget));
    const ready = fitted.flatMap((one) => one ?? []);
    expect(ready.length).toBeGreaterThanOrEqual(share >= 0.1 ? 5 : 1);
    for (const { document, spec, bytes } of ready) {
      expect(bytes).toBeLessThanOrEqual(budget);
      const again = parseSpec(document.text(), "ready.yaml");
      expect(again).toEqual(spec);
      expect(decodeIdentity(again).hash).toBe(decodeIdentity(set.spec).hash);
      expect(mostBytes(again)).toBe(bytes);
    }
    expect(Math.max(...ready.map(({ bytes }) => bytes))).toBeGreaterThan(0.9 * budget);
  }
});

it("a budget that is too small took a copy of the spec for every try, and parsed every refused one a second time", () => {
  const counted = vi.spyOn(SpecDocument.prototype, "copy");
  const written = vi.spyOn(SpecDocument.prototype, "text");
  const proposals = proposalsFor(demo, 3000);
  const fitted = proposals.map((proposal) => fit(demo.full, demo.tables, proposal, 3000));
  expect(fitted).toContain(null);
  expect(counted.mock.calls.length).toBeLessThanOrEqual(proposals.length);
  expect(written.mock.calls.length).toBe(0);
  counted.mockRestore();
  written.mockRestore();
});

it("detects specs whose tables lack room for all ids", () => {
  const crowded = (share: number) => {
    const budget = Math.floor(share * demo.tables.reduce((sum, { bytes }) => sum + bytes, 0));
    const specs = proposalsFor(demo, budget).flatMap((one) => fit(demo.full, demo.tables, one, budget)?.spec ?? []);
    return new Set(specs.map((spec) => isCrowded(spec, demo.profile)));
  };
  expect(crowded(0.1)).toEqual(new Set([true, false]));
  expect(crowded(10)).toEqual(new Set([false]));
});

it("fits tables with names that every object has, which a proposal does not mention: they got no bytes, or a function's options", async () => {
  const file = "features/ads-demo.yaml";
  const [first, second] = demo.tables.map(({ name }) => name);
  const named = (name: string) => new RegExp(`(?<=table: |^  )${name}(?=:|,| )`, "gm");
  const text = readFileSync(file, "utf8").replace(named(first), "__proto__").replace(named(second), "constructor");
  const renamed = await setUp(file, 20_000, text);
  expect(renamed.tables.slice(0, 2).map(({ name }) => name)).toEqual(["__proto__", "constructor"]);
  const budget = Math.floor(0.5 * demo.tables.reduce((sum, { bytes }) => sum + bytes, 0));
  const bytesOf = ({ full, tables }: typeof demo) => fit(full, tables, { name: "none", tables: {} }, budget)?.bytes;
  expect(bytesOf(demo)).toBeGreaterThan(0);
  expect(bytesOf(renamed)).toBe(bytesOf(demo));
});

it("proposes no longer vectors than a table has: where others have more than two components, one of dim 1 got two", async () => {
  const file = "features/ads-demo.yaml";
  const text = readFileSync(file, "utf8").replace("context: { dim: 8", "context: { dim: 1");
  const set = await setUp(file, 20_000, text);
  const budget = Math.floor(0.1 * set.tables.reduce((sum, { bytes }) => sum + bytes, 0));
  const problem = { spec: set.spec, byEvent: false, tables: set.tables, budget, random: new Rng(1) };
  const proposals = strategies.flatMap((strategy) => [...strategy.propose(problem)]);
  const dims = proposals.flatMap(({ name, tables: { context } }) => {
    const options = typeof context?.options === "function" ? context.options(1e6) : context?.options;
    return /-dim-/.test(name) ? [[name, (options as { dim?: number })?.dim]] : [];
  });
  expect(dims.length).toBeGreaterThan(1);
  expect(dims.filter(([, dim]) => dim !== 1)).toEqual([]);
});
