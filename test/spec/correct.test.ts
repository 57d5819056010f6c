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
  it("is compiled to ms, with the last age as the window, and survives a round trip through a checkpoint's JSON", () => {
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

  it("does not change specs without it, or their hash", () => {
    const compiled = parseSpec(text, "join.yaml");
    expect(compiled.join).not.toHaveProperty("correct");
    expect(specHash(compiled)).not.toBe(specHash(spec("{ ages: [15m] }")));
  });

  it.each([
    ["{ ages: [1h, 2m] }", "", "must be in ascending order"],
    ["{ ages: [] }", "", "join.correct.ages"],
    ["{ ages: [soon] }", "", "soon is not a duration"],
    [
      "{ ages: [1h], wait: 1m }",
      "",
      "would bias predictions with method fnw: it assumes that every impression was first learned as a negative",
    ],
    ["{ method: fnc, ages: [1h], wait: 1m }", "", "would bias predictions with method fnc"],
    ["{ method: plain, ages: [1h], wait: 2h }", "", "must be shorter than the first age"],
    ["{ method: fnc, ages: [1h] }", "train: { negative_sampling: 0.5 }\n", "would bias predictions with method fnc"],
    ["{ ages: [1h] }\n  window: 1h", "", "cannot be used with correct"],
    ["{ ages: [1h] }", "calibration: { by: ad }\n", "calibration.by"],
    ["{ ages: [1h] }", "metrics: { group: user }\n", "scores that wait for labels"],
    ["{ ages: [1h] }", "train: { lanes: 2 }\n", "train.lanes"],
    ["{ method: es_dfm, ages: [1h] }", "", "join.correct.method"],
  ])("invalid %s is refused: %#", (correct, more, message) => {
    expect(wrong(correct, more)).toContain(message);
  });
});
