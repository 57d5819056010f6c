import { describe, expect, it } from "vitest";
import { byLines } from "../../src/cli/by-value.js";
import { draftText } from "../../src/cli/init.js";

const quality = {
  events: 2,
  logloss: 0.5,
  auc: 0.5,
  normalized_entropy: 1,
  predicted: 0.5,
  actual: 0.5,
  calibration: 1,
};
const CODES = "\u001b[2J\u009b31m";

describe("texts of the data in a terminal", () => {
  it("clear no screen: a value of eval --by", () => {
    const values = [{ ...quality, value: `a${CODES}b\nc` }];
    const lines = byLines({ field: "site", values, rest: null, distinct: 1, bins: [] });
    expect(lines.join("")).not.toMatch(/\p{Cc}/u);
    expect(lines[1]).toContain("[2J");
  });

  it("clear no screen: a column of init", () => {
    const columns = [{ from: `x${CODES}\n`, role: "left_out", type: null, why: "always the same" }] as const;
    const notes = [`y${CODES}\n: looks like a time`];
    const text = draftText({ spec: "", rows: 1, columns, notes, passes: 1, check: null }, undefined, []);
    expect(text.split("\n")).toHaveLength(3);
    expect(text.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
  });
});
