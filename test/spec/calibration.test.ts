import { describe, expect, it } from "vitest";
import { compiledFromJson, specHash } from "../../src/spec/compile.js";
import { parseSpec } from "../../src/spec/parse.js";

const spec = (rest: string, label = "") =>
  parseSpec(
    `
name: c
events: { format: json }
label: { field: y${label} }
fields:
  - { name: a, type: categorical, table: t }
  - { name: b, type: categorical }
  - { name: c, type: cross, of: [a, b], table: t }
  - { name: tags, type: bag, table: t }
tables: { t: { dim: 4, salt: field } }
tower: deep_crossing
${rest}`,
    "c.yaml",
  );
const wrong = (rest: string, label?: string) => {
  try {
    return spec(rest, label).name;
  } catch (error) {
    return (error as Error).message;
  }
};

describe("calibration and negative sampling in a spec", () => {
  it("are off by default, and then do not change the spec's hash", () => {
    const plain = spec("");
    expect(plain).not.toHaveProperty("calibration");
    expect(plain).not.toHaveProperty("negative_sampling");
    expect(specHash(spec("train: { negative_sampling: 1 }"))).toBe(specHash(plain));
  });

  it("have defaults, and survive a round trip through a checkpoint's JSON", () => {
    const compiled = spec("calibration: { by: a }\ntrain: { negative_sampling: 0.1 }");
    const calibration = { method: "isotonic", by: "a", slices: 64, half_life: 100_000 };
    expect(compiled).toMatchObject({ calibration, negative_sampling: 0.1 });
    expect(compiledFromJson(JSON.stringify(compiled))).toEqual(compiled);
    expect(spec("calibration: platt").calibration).toEqual({ method: "platt", half_life: 100_000 });
    expect(spec("calibration: { by: c }").calibration?.by).toBe("c");
    expect(spec("calibration: { by: b }\nwide: { fields: [b] }").calibration?.by).toBe("b");
  });

  it.each([
    ["calibration: { by: d }", '"d" is not a field'],
    ["calibration: { by: b }", 'no table embeds "b"'],
    ["calibration: { by: tags }", '"tags" has no single value'],
    ["calibration: { slices: 4 }", "has no effect without `by`"],
    ["calibration: { by: a, slices: 1001 }", "calibration.slices"],
    ["calibration: { half_life: 1 }", "calibration.half_life"],
    ["calibration: sigmoid", "calibration"],
    ["train: { negative_sampling: 0 }", "train.negative_sampling"],
    ["train: { negative_sampling: 1.5 }", "train.negative_sampling"],
  ])("%s is refused", (rest, message) => {
    expect(wrong(rest)).toContain(message);
  });

  it("negative sampling is refused for soft labels", () => {
    expect(wrong("train: { negative_sampling: 0.5 }", ", soft: true")).toContain("cannot be used with soft labels");
  });

  it.each([
    { calibration: { method: "isotonic", by: "b", slices: 3, half_life: 1000 } },
    { calibration: { method: "isotonic", by: "a", half_life: 1000 } },
    { negative_sampling: 1 },
  ])("a compiled spec with %j is reported as damaged", (change) => {
    const text = JSON.stringify({ ...spec(""), ...change });
    expect(() => compiledFromJson(text)).toThrow(expect.objectContaining({ code: "checkpoint_damaged" }));
  });
});
