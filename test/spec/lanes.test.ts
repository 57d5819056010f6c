import { describe, expect, it } from "vitest";
import { HashbrookError } from "../../src/core/errors.js";
import { canonicalJson } from "../../src/core/hash.js";
import { compiledFromJson } from "../../src/spec/compile.js";
import { specHash } from "../../src/spec/hash.js";
import { parseSpec } from "../../src/spec/parse.js";

const spec = (train: string, { tower = "deep_crossing", table = "dim: 8" } = {}) => `name: m
events: { format: tsv, columns: [label, a, b] }
fields:
  - { name: a, type: categorical, table: ids }
  - { name: b, type: categorical, table: ids }
tables: { ids: { ${table} } }
tower: ${tower}
train: { ${train} }
`;

function problemsOf(...args: Parameters<typeof spec>): string {
  try {
    parseSpec(spec(...args), "m.yaml");
  } catch (error) {
    if (error instanceof HashbrookError) return `${error.message}\n${error.hint}`;
    throw error;
  }
  throw new Error("no error");
}

describe("train.lanes", () => {
  it.each([
    ["lanes: 4", 512, { count: 4, round: 128, staleness: 0 }],
    ["lanes: 3", 513, { count: 3, round: 171, staleness: 0 }],
    ["lanes: 4, batch: 1024, staleness: 1", 1024, { count: 4, round: 256, staleness: 1 }],
    ["lanes: 4, gradients: bf16", 512, { count: 4, round: 128, staleness: 0, gradients: "bf16" }],
    ["lanes: 4, gradients: f32", 512, { count: 4, round: 128, staleness: 0 }],
    ["lanes: 8, round: 8192", 65536, { count: 8, round: 8192, staleness: 0 }],
  ])("divides the events of an update: { %s }", (train, batch, lanes) => {
    const compiled = parseSpec(spec(train), "m.yaml");
    expect(compiled).toMatchObject({ batch, lanes });
    expect(compiledFromJson(canonicalJson(compiled))).toEqual(compiled);
  });

  it("is part of the spec's hash; specs without it keep their hash", () => {
    const [plain, one, other] = ["batch: 512", "lanes: 4", "lanes: 8"].map((train) => parseSpec(spec(train), "m.yaml"));
    expect(Object.keys(plain)).not.toContain("lanes");
    expect(new Set([plain, one, other].map(specHash)).size).toBe(3);
  });

  it("warms up over sixteen updates by default; only another value is in the compiled spec", () => {
    const warmup = (train: string) => parseSpec(spec(train), "m.yaml").warmup;
    expect(warmup("lanes: 4, warmup: 0")).toBe(0);
    expect(warmup("lanes: 4, round: 2048")).toBeUndefined();
    expect(warmup(`lanes: 4, round: 2048, warmup: ${16 * 8192}`)).toBeUndefined();
    expect(warmup(`lanes: 4, round: 2048, warmup: ${16 * 512}`)).toBe(16 * 512);
  });

  it("is refused if it contradicts the batch of a compiled spec", () => {
    const compiled = { ...parseSpec(spec("lanes: 4"), "m.yaml"), batch: 500 };
    expect(() => compiledFromJson(canonicalJson(compiled))).toThrow("batch is not lanes × round");
  });

  it.each([
    ["lanes: 4", { tower: "lr", table: "{}".slice(1, -1) }, "lr learns event by event"],
    ["lanes: 3, batch: 512", {}, "cannot be divided evenly among 3 lanes"],
    ["lanes: 4, batch: 512, round: 256", {}, "4 lanes of 256 events make 1024"],
    ["lanes: 64, round: 2048", {}, "at most 65,536"],
    ["round: 64", {}, "has no effect without lanes"],
    ["gradients: bf16", {}, "has no effect without lanes"],
    ["lanes: 65", {}, "at most 64"],
    ["lanes: 4", { table: "admission: { occurrence_threshold: 3 }" }, "lanes report each id once per round"],
    ["lanes: 4", { table: "encoding: hot_cold, rows: 50, hot_cold: { cold: { encoding: dhe } }" }, "network of dhe"],
    [
      "lanes: 4",
      {
        table:
          "encoding: hot_cold, rows: 50, hot_cold: { cold: { encoding: exact, admission: { occurrence_threshold: 3 } } }",
      },
      "hot_cold.cold.admission: counts every occurrence of an id",
    ],
  ])("{ %s } is refused with the reason: %o %s", (train, more, message) => {
    expect(problemsOf(train, more)).toContain(message);
  });
});
