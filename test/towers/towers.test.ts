import { describe, expect, it } from "vitest";
import type { CompiledTower, TowerKind } from "../../src/spec/compiled.js";
import type { towers as registry } from "../../src/towers/index.js";
import { buildTower, type TowerShape } from "../../src/towers/tower.js";
import { randomFeeds, shapes, towers } from "./fixtures.js";
import { evaluate } from "./reference.js";

/** Towers written again as plain loops over one row, straight from their papers' formulas. */
type Row = number[];
type Weights = (name: string) => Row;

function matrix(w: Row, x: Row): Row {
  const width = w.length / x.length;
  return Array.from({ length: width }, (_, n) => x.reduce((sum, value, k) => sum + value * w[k * width + n], 0));
}

function affine(weights: Weights, name: string, x: Row): Row {
  const b = weights(`${name}.b`);
  return matrix(weights(`${name}.w`), x).map((value, n) => value + b[n]);
}

function mlp(weights: Weights, name: string, widths: readonly number[], x: Row): Row {
  return widths.reduce((h, _, i) => affine(weights, `${name}.${i}`, h).map((v) => Math.max(0, v)), x);
}

function dot(a: Row, b: Row): number {
  return a.reduce((sum, value, i) => sum + value * b[i], 0);
}

function chunks(x: Row, size: number): Row[] {
  return Array.from({ length: x.length / size }, (_, i) => x.slice(i * size, (i + 1) * size));
}

interface Parts {
  readonly embeddings: Row;
  readonly dense: Row;
  readonly dim: number;
}

type Formula<T> = (weights: Weights, parts: Parts, tower: T) => number;

type Registry = typeof registry;
type GraphKind = { [K in TowerKind]: Registry[K]["learns"] extends "batches" ? K : never }[TowerKind];

const formulas: { readonly [K in GraphKind]: Formula<Extract<CompiledTower, { kind: K }>> } = {
  deep_crossing: (w, { embeddings, dense }, { residual }) => {
    const unit = (x: Row, name: string) => {
      const inner = affine(w, `${name}.inner`, x).map((v) => Math.max(0, v));
      return affine(w, `${name}.outer`, inner).map((v, i) => Math.max(0, x[i] + v));
    };
    return affine(
      w,
      "score",
      residual.reduce((x, _, i) => unit(x, `residual.${i}`), [...embeddings, ...dense]),
    )[0];
  },
  wide_deep: (w, { embeddings, dense }, { hidden }) =>
    affine(w, "score", mlp(w, "mlp", hidden, [...embeddings, ...dense]))[0],
  deepfm: (w, { embeddings, dense, dim }, { hidden }) => {
    const fields = chunks(embeddings, dim);
    let pairs = 0;
    fields.forEach((a, i) => {
      for (const b of fields.slice(i + 1)) pairs += dot(a, b);
    });
    return pairs + affine(w, "score", mlp(w, "mlp", hidden, [...embeddings, ...dense]))[0];
  },
  deep_ffm: (w, { embeddings, dense, dim }, { hidden }) => {
    const fields = chunks(embeddings, dim);
    const vector = (i: number, j: number) => chunks(fields[i], dim / (fields.length - 1))[j > i ? j - 1 : j];
    const z = fields.flatMap((_, j) =>
      fields.slice(0, j).flatMap((_, i) => vector(i, j).map((v, k) => v * vector(j, i)[k])),
    );
    return z.reduce((a, b) => a + b) + affine(w, "score", mlp(w, "mlp", hidden, [...z, ...dense]))[0];
  },
  dcn_v2: (w, { embeddings, dense }, { hidden, cross_layers, rank }) => {
    const x0 = [...embeddings, ...dense];
    let x = x0;
    for (let layer = 0; layer < cross_layers; layer++) {
      const inner = rank > 0 ? matrix(w(`cross.${layer}.u.w`), x) : x;
      const crossed = affine(w, `cross.${layer}`, inner);
      x = x.map((value, i) => x0[i] * crossed[i] + value);
    }
    return affine(w, "score", hidden.length > 0 ? [...x, ...mlp(w, "mlp", hidden, x0)] : x)[0];
  },
  dlrm: (w, { embeddings, dense, dim }, { hidden, bottom }) => {
    const z = dense.length > 0 ? mlp(w, "bottom", [...bottom, dim], dense) : [];
    const vectors = [...chunks(embeddings, dim), ...chunks(z, dim)];
    const dots = vectors.flatMap((a, i) => vectors.slice(0, i).map((b) => dot(a, b)));
    return affine(w, "score", mlp(w, "top", hidden, [...z, ...dots]))[0];
  },
};

/** Σ (1 + MLP([v, q, v − q, v · q])) v over a bag's items v (Zhou et al. 2018, but for the 1). */
function attend(weights: Weights, name: string, hidden: readonly number[], items: Row[], q: Row): Row {
  const sum = q.map(() => 0);
  for (const v of items) {
    const first = [...v, ...q, ...v.map((x, i) => x - q[i]), ...v.map((x, i) => x * q[i])];
    const w = ["item", "query", "difference", "product"].flatMap((part) => weights(`${name}.0.${part}.w`));
    const start = matrix(w, first).map((x, n) => Math.max(0, x + weights(`${name}.0.b`)[n]));
    const h = hidden
      .slice(1)
      .reduce((x, _, i) => affine(weights, `${name}.${i + 1}`, x).map((y) => Math.max(0, y)), start);
    const [score] = affine(weights, `${name}.score`, h);
    v.forEach((x, i) => {
      sum[i] += (1 + score) * x;
    });
  }
  return sum;
}

/** A row's vectors, table by table, its pooled bags as one each. */
function vectorsOf({ tables, pooled = [] }: TowerShape, weights: Weights, row: (name: string) => Row): Row {
  const rows = tables.map(({ name, dim }) => chunks(row(`x_${name}`), dim));
  return rows.flatMap((own, t) =>
    own.flatMap((vector, i) => {
      const bag = pooled.find(({ items }) => items.table === t && i >= items.first && i < items.first + items.most);
      if (!bag) return vector;
      const { first } = bag.items;
      if (i > first) return [];
      const items = own.slice(first, first + row(`length_${bag.over}`)[0]);
      const query = rows[bag.query.table][bag.query.first];
      return attend(weights, `attention.${bag.over}`, bag.pooling.hidden as number[], items, query);
    }),
  );
}

const cases = Object.entries(towers).flatMap(([name, tower]) =>
  Object.entries(shapes).map(([inputs, shape]): [string, CompiledTower, TowerShape] => [
    `${name}, ${inputs}`,
    tower,
    shape,
  ]),
);

describe("towers", () => {
  it.each(cases)("%s: equals its paper's formula", (_, tower, shape) => {
    const ROWS = 3;
    const { infer, parameters } = buildTower(tower, shape, 2);
    const feeds = randomFeeds(infer, parameters, ROWS);
    const values = new Map(
      Object.entries(feeds).map(([name, { data, shape }]) => [name, { shape, data: Float64Array.from(data) }]),
    );
    const [logits] = evaluate(values, ROWS, [infer.outputs.get("logits")!]);
    const row = (name: string, r: number): Row => {
      const view = feeds[name];
      return view ? [...view.data.subarray(r * view.shape[1], (r + 1) * view.shape[1])] : [];
    };
    const weights = (name: string): Row => [...feeds[name].data];
    for (let r = 0; r < ROWS; r++) {
      const parts: Parts = {
        embeddings: vectorsOf(shape, weights, (name) => row(name, r)),
        dense: [...row("numbers", r), ...row("vectors", r)],
        dim: shape.tables[0].dim,
      };
      const wide = row("wide", r).reduce((sum, value) => sum + value, 0);
      const expected = (formulas[tower.kind as GraphKind] as Formula<CompiledTower>)(weights, parts, tower) + wide;
      expect(logits.data[r]).toBeCloseTo(expected, 10);
    }
  });
});
