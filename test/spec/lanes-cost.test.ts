import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import type { SpecWarning } from "../../src/schema/problems.js";
import { withLanes } from "../../src/spec/lanes.js";
import { costOfLanes } from "../../src/spec/lanes-cost.js";
import { parseSpec } from "../../src/spec/parse.js";

interface Size {
  readonly update: number;
  readonly staleness: 0 | 1;
  readonly cost: { readonly auc: number };
}

/** The results of `npm run bench -- lanes` on Globo's clicks. */
const measured: Size[] = JSON.parse(readFileSync("bench/results/lanes.json", "utf8")).result.streams.find(
  ({ stream }: { stream: string }) => stream === "globo",
).lanes;

function warningsOf(train: string): SpecWarning[] {
  const warnings: SpecWarning[] = [];
  parseSpec(text(train), "m.yaml", (warning) => warnings.push(warning));
  return warnings;
}

const text = (train: string) => `name: m
events: { format: tsv, columns: [label, a] }
fields:
  - { name: a, type: categorical, table: ids }
tables: { ids: { dim: 8 } }
tower: deep_crossing
train: { ${train} }
`;

it("the cost of a size is the measured one", () => {
  expect(measured).toHaveLength(10);
  for (const { update, staleness, cost } of measured) {
    const found = costOfLanes({ count: 4, round: update / 4, staleness });
    expect([update, staleness, found?.points ?? null]).toEqual([update, staleness, cost.auc > 0.1 ? cost.auc : null]);
  }
});

it("an unmeasured size costs at least as much as the next smaller one, and the largest size without a cost is reported", () => {
  const { auc } = measured.find(({ update, staleness }) => update === 2048 && staleness === 0)!.cost;
  expect(costOfLanes({ count: 8, round: 1000, staleness: 0 })).toEqual({ measured: 2048, points: auc, free: 512 });
  expect(costOfLanes({ count: 3, round: 171, staleness: 0 })).toBeNull();
  expect(costOfLanes({ count: 2, round: 8, staleness: 1 })).toBeNull();
});

it("a spec whose updates cost quality gives a warning with the cost and a round without it", () => {
  const [{ message, hint }, ...more] = warningsOf("lanes: 4, round: 2048");
  expect(message).toMatch(/^m\.yaml:7:\d+: train\.round: updates of 8,192 events cost [\d.]+ points of AUC/);
  expect(hint).toContain("round: 128");
  expect(more).toEqual([]);
  expect(warningsOf("lanes: 4")).toEqual([]);
  expect(warningsOf("batch: 8192")).toEqual([]);
});

it("--lanes warns like train.lanes", () => {
  const warnings: SpecWarning[] = [];
  withLanes(parseSpec(text("batch: 8192"), "m.yaml"), 8, (warning) => warnings.push(warning));
  expect(warnings.map(({ hint }) => hint)).toEqual([expect.stringContaining("round: 64")]);
});
