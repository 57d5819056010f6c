import { describe, expect, it } from "vitest";
import { hotnessText } from "../../src/cli/summary.js";

describe("what became of hot ids", () => {
  it("is told on one line", () => {
    expect(hotnessText({ promoted: 12_345, demoted: 67, keys: 2000, hot_keys: 701 })).toMatch(
      /^hot ids: 12.* promoted, 67 demoted; 35\.0 % of the keys of batches were hot$/,
    );
  });

  it("is nothing before the first batch", () => {
    expect(hotnessText({ promoted: 0, demoted: 0, keys: 0, hot_keys: 0 })).toContain("none of the keys");
  });
});
