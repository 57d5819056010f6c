import { describe, expect, it } from "vitest";
import type { CompiledTower } from "../../src/spec/compiled.js";
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

type Formula = (weights: Weights, parts: Parts, tower: CompiledTower) => number;

const formulas: Record<string, Formula> = {
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

const cases = Object.entries(towers)
  .filter(([, { kind }]) => kind in formulas)
  .flatMap(([name, tower]) =>
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
    for (let r = 0; r < ROWS; r++) {
      const parts: Parts = {
        embeddings: shape.tables.flatMap(({ name }) => row(`x_${name}`, r)),
        dense: [...row("numbers", r), ...row("vectors", r)],
        dim: shape.tables[0].dim,
      };
      const wide = row("wide", r).reduce((sum, value) => sum + value, 0);
      const expected = formulas[tower.kind]((name) => [...feeds[name].data], parts, tower) + wide;
      expect(logits.data[r]).toBeCloseTo(expected, 10);
    }
  });
});
