import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { reportData } from "../../src/report/collect.js";
import type { Chart } from "../../src/report/content.js";
import { lineDiff } from "../../src/report/diff.js";
import { htmlOf } from "../../src/report/html.js";
import { svgOf } from "../../src/report/svg.js";
import type { TuneReport } from "../../src/tune/options.js";
import { tune } from "../../src/tune/tune.js";
import { temporary } from "../e2e/hashbrook.js";

const { columns } = /columns:\s*(?<columns>(?:\n?\s*- \w+)+)/.exec(readFileSync("features/ads-demo.yaml", "utf8"))!
  .groups!;
const TWO_FIELDS = `name: small
events: { format: tsv, columns: [${columns.match(/\w+/g)!.join(", ")}] }
label: { field: label, positive: "1" }
fields: [{ name: user, type: categorical, table: users }, { name: ad, type: categorical, table: ads }]
tables: { users: { dim: 4 }, ads: { dim: 4 } }
tower: { deep_crossing: { residual: [8] } }
train: { batch: 128 }
`;

/** Strategies of candidates that were scored but not chosen. */
const others = ({ candidates, chosen }: TuneReport) =>
  candidates.filter(({ name, auc }) => name !== chosen && auc !== null).map(({ name }) => name.split("/")[0]);

describe("a line diff", () => {
  it("has removed and added lines, with equal lines around them", () => {
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

it("breaks an SVG's legend into lines, where it ran out of the picture", () => {
  const points = [{ x: 1, y: 1 }];
  const series = Array.from({ length: 12 }, (_, i) => ({ label: `a strategy's name, ${i}`, points }));
  const svg = svgOf({ kind: "lines", id: "many", title: "Many", x: { label: "x" }, y: { label: "y" }, series });
  const [, width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg)!.map(Number);
  const legend = [...svg.matchAll(/<rect x="([\d.]+)" y="(\d+)" width="10"/g)].map(([, x, y]) => [+x, +y]);
  expect(legend).toHaveLength(12);
  expect(Math.max(...legend.map(([x]) => x))).toBeLessThan(width - 100);
  expect(height).toBe(360 + legend.at(-1)![1] - 34);
  expect(new Set(legend.map(([, y]) => y)).size).toBeGreaterThan(2);
});

describe("the report of a ledger", () => {
  it("has the choice, quality over bytes with errors, rungs, candidates, the spec's diff, and commands that reproduce rows", async () => {
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

  it("shows every strategy's points, and magnitude pruning, by name", async () => {
    const [model, out] = ["model.yaml", "pruned"].map((name) => join(temporary(), name));
    writeFileSync(model, TWO_FIELDS);
    const strategies = ["exact", "shared"];
    const [data, budget] = ["simulate:8000:7", "60%"];
    const found = await tune({ model, data, budget, candidates: 3, strategies, pruning: true, curve: true, out });
    const report = await reportData(out);
    const section = (id: string) => report.sections.find((one) => one.id === id)!;
    const rows = section("candidates").tables![0].rows;
    expect(rows.slice(0, found.candidates.length).map(([name]) => name.split(" ")[0])).toEqual(
      found.candidates.map(({ name }) => name),
    );
    expect(rows.slice(found.candidates.length).map(([name]) => name)).toEqual(["magnitude pruning"]);
    const named = new Set(found.candidates.map(({ name }) => name.split("/")[0]));
    const made = section("pareto").tables![0].rows.map(([strategy]) => strategy);
    expect(new Set(made)).toEqual(new Set([...named, "magnitude pruning", "reference"]));
    const { series } = section("pareto").charts![0] as Chart;
    const labels = series.map(({ label }) => label);
    expect(labels).toEqual(expect.arrayContaining([...others(found), "magnitude pruning", "reference"]));
    expect(labels).toContain("chosen, at other sizes");
    const pruned = series.find(({ label }) => label === "magnitude pruning")!;
    expect(pruned.points[0]).toMatchObject({ x: found.pruning!.bytes, y: found.pruning!.auc_difference });
  }, 120_000);
});
