import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compiledFromJson, specHash } from "../../src/spec/compile.js";
import { parseSpec } from "../../src/spec/parse.js";

const text = readFileSync("features/ads-demo-join.yaml", "utf8");
const spec = (correct: string, more = "") =>
  parseSpec(text.replace("  window: 15m\n", `  correct: ${correct}\n`) + more, "late.yaml");
const wrong = (correct: string, more?: string) => {
  try {
    return spec(correct, more).name;
  } catch (error) {
    return (error as Error).message;
  }
};

describe("join.correct", () => {
  it("is compiled to ms, the last age being the window, and read back from a checkpoint's text", () => {
    const compiled = spec("{ ages: [2m, 1h, 1d, 7d] }");
    const ages = [120_000, 3_600_000, 86_400_000, 604_800_000];
    expect(compiled.join).toMatchObject({ window: ages[3], correct: { method: "fnw", ages } });
    expect(compiledFromJson(JSON.stringify(compiled))).toEqual(compiled);
    expect(spec("{ method: plain, ages: [1h], wait: 60 }").join?.correct).toEqual({
      method: "plain",
      ages: [3_600_000],
      wait: 60_000,
    });
  });

  it("leaves specs without it, and their hash, alone", () => {
    const compiled = parseSpec(text, "join.yaml");
    expect(compiled.join).not.toHaveProperty("correct");
    expect(specHash(compiled)).not.toBe(specHash(spec("{ ages: [15m] }")));
  });

  it.each([
    ["{ ages: [1h, 2m] }", "", "they do not ascend"],
    ["{ ages: [] }", "", "join.correct.ages"],
    ["{ ages: [soon] }", "", "soon is not a time"],
    ["{ ages: [1h], wait: 1m }", "", "biased with fnw: it makes up for impressions that all were learned as negatives"],
    ["{ method: fnc, ages: [1h], wait: 1m }", "", "biased with fnc"],
    ["{ method: plain, ages: [1h], wait: 2h }", "", "it is not before the first age"],
    ["{ method: fnc, ages: [1h] }", "train: { negative_sampling: 0.5 }\n", "biased with fnc"],
    ["{ ages: [1h] }\n  window: 1h", "", "the last of correct.ages is the window"],
    ["{ ages: [1h] }", "calibration: { by: ad }\n", "calibration.by"],
    ["{ ages: [1h] }", "metrics: { group: user }\n", "scores wait for their labels"],
    ["{ ages: [1h] }", "train: { lanes: 2 }\n", "train.lanes"],
    ["{ method: es_dfm, ages: [1h] }", "", "join.correct.method"],
  ])("%s is refused where it is wrong: %#", (correct, more, message) => {
    expect(wrong(correct, more)).toContain(message);
  });
});
