import { expect, it } from "vitest";
import { Rng } from "../../src/core/rng.js";
import { Best } from "../../src/inspect/best.js";

it.each([0, 1, 5, 200])("the best %i are those of a stable sort of all", (most) => {
  const rng = new Rng(7);
  const all = Array.from({ length: 150 }, (_, at) => ({ rank: rng.below(40), at }));
  const best = new Best<(typeof all)[number]>(most);
  for (const item of all) best.offer(item.rank, () => item);
  expect(best.items).toEqual([...all].sort((a, b) => b.rank - a.rank).slice(0, most));
});

it("makes an object of few rows only: inspect made one of each of millions", () => {
  const rng = new Rng(7);
  const best = new Best<number>(5);
  let made = 0;
  for (let i = 0; i < 10_000; i++) best.offer(rng.below(1 << 30), () => made++);
  expect(made).toBeLessThan(200);
});
