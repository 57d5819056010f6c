import { describe, expect, it } from "vitest";
import { Batch, batchLayout } from "../../../src/core/batch.js";
import { Rng } from "../../../src/core/rng.js";
import { GroupedAuc } from "../../../src/metrics/grouped.js";
import { compiledFromJson, specHash } from "../../../src/spec/compile.js";
import { keyColumn } from "../../../src/spec/key-column.js";
import { parseSpec } from "../../../src/spec/parse.js";
import { groupSpec, LearnedGroups } from "../../../src/train/evaluation/group-auc.js";

const specOf = (rest: string) =>
  parseSpec(
    `
name: g
events: { format: tsv, columns: [y, user, page, ip] }
label: { field: y }
fields:
  - { name: page, type: categorical, table: t }
  - { name: user, type: categorical, table: t }
  - { name: plain, from: ip, type: categorical }
  - { name: both, type: cross, of: [plain, page], table: t }
tables: { t: { dim: 4 } }
tower: deep_crossing
train: { window: 1000 }
${rest}`,
    "g.yaml",
  );
const spec = specOf("metrics: { group: user }");
const layout = batchLayout(spec, 700);

/** 700 events of about 60 users, the first of whom has no name. */
function batchOf(seed: number) {
  const rng = new Rng(seed);
  const batch = new Batch(layout, 700, new ArrayBuffer(layout.bytes));
  const { cell, singles, missing } = keyColumn(spec, "user");
  const keys = batch.keys(0);
  for (let r = 0; r < batch.rows; r++) {
    const user = Math.floor(60 * rng.uniform());
    keys[r * singles + cell] = user === 0 ? missing : BigInt(user) * 0x123456789abcdefn;
  }
  batch.labels.set(batch.labels.map(() => Number(rng.uniform() < 0.3)));
  batch.weights.fill(1);
  const scores = Float32Array.from({ length: batch.rows }, (_, r) => rng.uniform() + batch.labels[r] / 4);
  return { batch, scores };
}

const batches = [1, 2, 3, 4, 5].map(batchOf);

describe("metrics: { group }", () => {
  it("does not change the spec's hash, and survives a round trip through a checkpoint", () => {
    expect(specHash(spec)).toBe(specHash(specOf("")));
    expect(compiledFromJson(JSON.stringify(spec))).toEqual(spec);
  });

  it.each([
    ["ip", '"ip" is not a field'],
    ["plain", 'no table embeds "plain"'],
  ])("%s: is refused", (group, message) => {
    expect(() => specOf(`metrics: { group: ${group} }`)).toThrow(message);
  });

  it("windows have exactly train.window events, and events learned before are excluded", () => {
    const groups = LearnedGroups.of(spec, "train")!;
    const exact = new GroupedAuc(1e6, keyColumn(spec, "user").missing);
    const { batch, scores } = batches[0];
    const { cell, singles } = keyColumn(spec, "user");
    const column = BigUint64Array.from({ length: 700 }, (_, r) => batch.keys(0)[r * singles + cell]);
    const rows = { keys: new Uint32Array(column.buffer), scores, labels: batch.labels, weights: batch.weights };
    groups.add(scores, batch, [{ from: 100, to: 600 }]);
    expect(groups.latest).toBeNull();
    for (let i = 0; i < 2; i++) groups.add(scores, batch, [{ from: 0, to: 300 }]);
    exact.add(rows, { from: 0, to: 100 });
    exact.add(rows, { from: 600, to: 700 });
    for (let i = 0; i < 2; i++) exact.add(rows, { from: 300, to: 700 });
    expect(groups.latest).toEqual(exact.quality());
    expect(groups.latest!.ungrouped).toBeGreaterThan(0);
    expect(groups.report()).toMatchObject({ field: "user", auc: exact.quality().auc, share: 1 });
  });

  it("a resumed run reports the same as an uninterrupted one", () => {
    const add = (groups: LearnedGroups, from: number, to: number) => {
      for (const { batch, scores } of batches.slice(from, to)) groups.add(scores, batch, []);
      return groups;
    };
    const first = add(new LearnedGroups(spec, "user"), 0, 3);
    const second = new LearnedGroups(spec, "user");
    second.restore(new Map(first.blocks().map(({ name, data }) => [name, { data: data.slice() }])));
    expect(second.latest).toEqual(first.latest);
    expect(add(second, 3, 5).report()).toEqual(add(new LearnedGroups(spec, "user"), 0, 5).report());
  });

  it("eval groups by a field's keys if it has some, else by the texts of a field or column", () => {
    expect(groupSpec(spec, "user", ["ip"])).toEqual({ group: { field: "user", text: null }, kept: [] });
    expect(groupSpec(spec, "both", [])).toEqual({ group: { field: "both", text: null }, kept: [] });
    expect(groupSpec(spec, "plain", ["ip"])).toEqual({ group: { field: "plain", text: 1 }, kept: ["ip"] });
    expect(groupSpec(spec, "y", [])).toEqual({ group: { field: "y", text: 0 }, kept: ["y"] });
    expect(() => groupSpec(spec, "nix", [])).toThrow("--group-auc nix: the events have no such column");
  });
});
