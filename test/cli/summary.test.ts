import { describe, expect, it } from "vitest";
import { counted } from "../../src/cli/progress.js";
import { hotnessText, rejectedLines } from "../../src/cli/summary.js";

describe("rejected events", () => {
  it("are listed by code", () => {
    expect(
      rejectedLines({
        examples: 5,
        rejected: 3,
        rejected_by_code: { bad_label: 2, bad_time: 1 },
        rejected_samples: {},
      }),
    ).toEqual(["  rejected 3: bad_label 2, bad_time 1"]);
    expect(rejectedLines({ examples: 5, rejected: 0, rejected_by_code: {}, rejected_samples: {} })).toEqual([]);
  });

  it("point to the spec if every event was rejected", () => {
    const lines = rejectedLines({
      examples: 0,
      rejected: 3,
      rejected_by_code: { column_count: 3 },
      rejected_samples: {},
    });
    expect(lines[1]).toContain("model spec");
  });
});

describe("the counters of hot ids", () => {
  it("are on one line", () => {
    expect(hotnessText({ promoted: 12_345, demoted: 67, keys: 2000, hot_keys: 701 })).toMatch(
      /^hot ids: 12.* promoted, 67 demoted; 35\.0 % of the keys of batches were hot$/,
    );
  });

  it("are zero before the first batch", () => {
    expect(hotnessText({ promoted: 0, demoted: 0, keys: 0, hot_keys: 0 })).toContain("none of the keys");
  });
});

it("counts one thing without a plural: summaries said 1 rows, 1 examples", () => {
  expect([0, 1, 2, 12_345].map((n) => counted(n, "row"))).toEqual(["0 rows", "1 row", "2 rows", "12 k rows"]);
});
