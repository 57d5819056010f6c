import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { lineDiff } from "../../src/report/diff.js";
import { htmlOf } from "../../src/report/html.js";
import { reportData } from "../../src/report/report-data.js";
import { tune } from "../../src/tune/tune.js";
import { temporary } from "../e2e/hashbrook.js";

describe("a diff of lines", () => {
  it("has what was taken away and what came, with equal lines around", () => {
    const before = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    const after = before.with(4, "E");
    expect(lineDiff(before.join("\n"), after.join("\n"), 1).split("\n")).toEqual([
      "  …",
      "  d",
      "- e",
      "+ E",
      "  f",
      "  …",
    ]);
    expect(lineDiff("a\nb", "b\nc\n")).toBe("- a\n  b\n+ c");
    expect(lineDiff("a", "a")).toBe("  …");
  });
});

describe("the report of a ledger", () => {
  it("has the choice, quality over bytes with errors, rungs, candidates, the spec's diff, and commands that make rows again", async () => {
    const out = join(temporary(), "tuned");
    const found = await tune({
      model: "features/ads-demo-lr.yaml",
      data: "simulate:9000:7",
      budget: "20%",
      candidates: 4,
      out,
    });
    const report = await reportData(out);
    const section = (id: string) => report.sections.find((one) => one.id === id)!;
    expect(section("result").tables![0].rows[0][0]).toBe(`chosen: ${found.chosen}`);
    const [pareto] = section("pareto").charts!;
    expect(pareto).toMatchObject({ id: "pareto", x: { log: true } });
    expect(pareto.kind === "lines" && pareto.series[0]).toMatchObject({
      label: "chosen",
      points: [{ x: found.bytes }],
    });
    expect(section("candidates").tables![0].rows).toHaveLength(found.candidates.length);
    expect(section("diff").text).toMatch(/^[-+] +weights:/m);
    expect(section("again").text).toContain(`hashbrook tune --again ${out} `);
    expect(section("profile").tables![0].rows.length).toBeGreaterThan(20);
    expect(htmlOf(report)).toContain('<span class="removed">');
  }, 120_000);
});
