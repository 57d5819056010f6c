import { describe, expect, it } from "vitest";
import { createEncoding } from "../../src/encodings/create.js";
import { encodingBytes } from "../../src/encodings/index.js";
import type { EncodingSpec } from "../../src/spec/compiled.js";
import { parseSpec } from "../../src/spec/parse.js";

const tableOf = (options: string): EncodingSpec =>
  parseSpec(
    `name: m
events: { format: tsv, columns: [label, a] }
fields: [{ name: a, type: categorical, table: ids }]
tables: { ids: { ${options} } }
tower: deep_crossing
`,
    "f.yaml",
  ).tables[0];

const shapes = [
  "encoding: hash, budget: 300 kB, dim: 8",
  "encoding: hash, budget: 300 kB, dim: 12, precision: int8, optimizer: rowwise_adagrad",
  "encoding: shared, budget: 300 kB, shared: { lookups: 4 }",
  "encoding: shared, budget: 300 kB, precision: int4, optimizer: rowwise_adagrad",
  "encoding: hash, budget: 300 kB, dim: 12, precision: int2, optimizer: rowwise_adagrad",
  "encoding: compositional, budget: 300 kB, compositional: { partitions: 3, combine: add }",
  "encoding: multi_hash, budget: 300 kB, precision: f16",
  "encoding: dhe, budget: 300 kB",
  "encoding: dhe, dhe: { batch_norm: false, depth: 3, width: 40, hashes: 24, optimizer: adagrad }",
  "encoding: hot_cold, budget: 300 kB",
  "encoding: hot_cold, budget: 300 kB, hot_cold: { cold: { encoding: dhe } }",
  "encoding: hash, rows: 4000, shards: 4",
];

describe("the computed bytes of a spec", () => {
  it.each(shapes)("are those of its table: { %s }", async (options) => {
    const spec = tableOf(options);
    const encoding = await createEncoding(spec, { capacity: 64, learns: true, serving: false, runtime: "onnxruntime" });
    const expected = encodingBytes(spec);
    expect(Math.abs(encoding.bytes - expected)).toBeLessThan(0.01 * expected + 1024);
    if (options.includes("budget")) expect(encoding.bytes).toBeLessThanOrEqual(300_000);
    await encoding.close();
  });

  it("are never exceeded by an exact table with a budget", async () => {
    const spec = tableOf("encoding: exact, budget: 300 kB, eviction: { policy: lru }");
    const encoding = await createEncoding(spec, { capacity: 64, learns: true, serving: false, runtime: "onnxruntime" });
    for (let step = 0; step < 400; step++) {
      encoding.keys.set(
        BigUint64Array.from({ length: 64 }, (_, i) =>
          BigInt.asUintN(64, BigInt(step * 64 + i + 1) * 0x9e3779b97f4a7c15n),
        ),
      );
      await encoding.gather(64, "learn", { time: 0, examples: step * 64 });
      encoding.gradients.fill(0.1);
      await encoding.backward();
      encoding.apply();
      expect(encoding.bytes).toBeLessThanOrEqual(300_000);
    }
    expect(encoding.stores[0].rows).toBeGreaterThan(1500);
  });
});
