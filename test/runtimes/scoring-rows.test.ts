import { describe, expect, it } from "vitest";
import { loadRuntime, type Session, type TensorView } from "../../src/runtimes/runtime.js";
import { scoringRows } from "../../src/runtimes/scoring-rows.js";
import type { CompiledTower } from "../../src/spec/compiled.js";
import { buildTower, type TowerShape } from "../../src/towers/tower.js";
import { manyFields, randomFeeds, resized, shapes, towers } from "../towers/fixtures.js";

const ALL = 512;

const widths: Record<string, Record<string, number[]>> = {
  narrow: { residual: [7], hidden: [5], bottom: [3] },
  wide: { residual: [130, 64], hidden: [128, 33], bottom: [40] },
  "no hidden layer": { residual: [], hidden: [], bottom: [] },
};

const inputs: Record<string, TowerShape> = {
  ...shapes,
  "many fields": manyFields,
};

const cases = Object.entries(towers).flatMap(([name, tower]) =>
  Object.entries(widths).flatMap(([width, change]) =>
    Object.entries(inputs).map(([input, shape]): [string, CompiledTower, TowerShape] => [
      `${name}, ${width}, ${input}`,
      resized(tower, tower.hidden.length === 0 ? { ...change, hidden: [] } : change),
      shape,
    ]),
  ),
);

/** Scores `count` rows from row `from` on, in a run padded by `pad`; padding rows contain garbage. */
async function score(
  session: Session,
  feeds: Record<string, TensorView>,
  from: number,
  count: number,
  pad = scoringRows,
) {
  const rows = pad(count);
  const part = Object.entries(feeds).map(([name, { data, shape }]): [string, TensorView] => {
    if (shape[0] !== ALL || shape.length !== 2 || name.includes(".")) return [name, { data, shape }];
    const columns = shape[1];
    const copy = new Float32Array(rows * columns + 3).subarray(from % 4, (from % 4) + rows * columns).fill(1e3);
    copy.set(data.subarray(from * columns, (from + count) * columns));
    return [name, { data: copy, shape: [rows, columns] }];
  });
  const logits = new Float32Array(rows);
  await session.run(Object.fromEntries(part), { logits: { data: logits, shape: [rows, 1] } });
  return logits.slice(0, count);
}

async function load(tower: CompiledTower, shape: TowerShape) {
  const { infer, parameters } = buildTower(tower, shape, 11);
  const session = await (await loadRuntime("onnxruntime")).load(infer, { threads: 1 });
  return { session, feeds: randomFeeds(infer, parameters, ALL) };
}

describe("scoringRows", () => {
  it.each(cases)("%s: a row's logit has the same bits in every batch", async (_, tower, shape) => {
    const { session, feeds } = await load(tower, shape);
    const expected = await score(session, feeds, 0, ALL);
    for (const count of [...Array.from({ length: 33 }, (_, i) => i + 1), 47, 64, 70, 100, 511]) {
      for (const from of [0, 1, 6, ALL - count].filter((start) => start + count <= ALL)) {
        expect(await score(session, feeds, from, count)).toEqual(expected.slice(from, from + count));
      }
    }
    await session.release();
  });

  it("is necessary: without padding some batch sizes give other bits", async () => {
    const { session, feeds } = await load(towers.deep_crossing, manyFields);
    const expected = await score(session, feeds, 0, ALL);
    const differing: number[] = [];
    for (let count = 1; count <= 16; count++) {
      const found = await score(session, feeds, 0, count, (rows) => rows);
      if (found.some((logit, i) => logit !== expected[i])) differing.push(count);
    }
    expect(differing).not.toEqual([]);
    await session.release();
  });

  it("rounds up to a multiple of 8", () => {
    expect([0, 1, 8, 9, 512].map(scoringRows)).toEqual([0, 8, 8, 16, 512]);
  });
});
