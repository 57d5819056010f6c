import { expect, it } from "vitest";
import { Compile } from "../../src/schema/compile.js";
import { Type } from "../../src/schema/typebox.js";
import { rowOf, tableDefaults, towerKinds, towerOf } from "../../src/towers/index.js";
import { towers } from "./fixtures.js";

const closed = { additionalProperties: false };

it.each(towerKinds)("%s: its defaults are a valid compiled tower, and cover its options", (kind) => {
  const { source, compiled, defaults } = towerOf(kind);
  expect(Compile(Type.Object(compiled, closed)).Check(defaults)).toBe(true);
  expect(Object.keys(compiled)).toEqual(expect.arrayContaining(Object.keys(source)));
  for (const [knob, schema] of Object.entries(source)) {
    expect((schema as { default?: unknown }).default).toEqual((defaults as Record<string, unknown>)[knob]);
  }
});

it("the graph suites cover every tower with a graph", () => {
  const graphs = towerKinds.filter((kind) => towerOf(kind).learns === "batches");
  expect(new Set(Object.values(towers).map(({ kind }) => kind))).toEqual(new Set(graphs));
});

it("models that learn event by event have distinct numbers, and rows that end with the linear weight", () => {
  const models = towerKinds.map(towerOf).flatMap((kind) => (kind.learns === "events" ? kind : []));
  expect(new Set(models.map(({ model }) => model)).size).toBe(models.length);
  for (const { row } of models) expect(row(8).floats - row(8).drawn).toBeLessThanOrEqual(1);
});

it("a row's length is defined by its tower; in wide parts and tables of graphs it is dim", () => {
  expect(rowOf("fm", { role: "embedding", dim: 8 })).toEqual({ floats: 9, drawn: 8 });
  expect(rowOf("lr", { role: "embedding", dim: 1 })).toEqual({ floats: 1, drawn: 1 });
  expect(rowOf("fm", { role: "wide", dim: 1 })).toEqual({ floats: 1, drawn: 1 });
  expect(rowOf("dlrm", { role: "embedding", dim: 16 })).toEqual({ floats: 16, drawn: 16 });
});

it("the schema describes the table defaults of each tower", () => {
  expect(tableDefaults("dim")).toMatch(/^lr: 1; fm: 8/);
  expect(tableDefaults("salt")).toMatch(/^lr, fm.*: field/);
});
