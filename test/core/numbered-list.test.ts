import { expect, it } from "vitest";
import { NumberedList } from "../../src/core/numbered-list.js";
import { oldBytes } from "../old-bytes.js";

const listOf = (...ids: number[]) => {
  const list = new NumberedList<{ readonly id: number }>();
  for (const id of ids) list.add({ id });
  return list;
};

it("items keep the order in which they were added, also after some were taken", () => {
  const list = listOf(5, 3, 9, 1);
  expect(list.take(3)).toEqual({ id: 3 });
  list.add({ id: 3 });
  expect([...list].map(({ id }) => id)).toEqual([5, 9, 1, 3]);
  expect(list.size).toBe(4);
});

it("an item that is not there is not found, and taking it changes nothing", () => {
  const list = listOf(1, 2);
  expect([list.get(3), list.take(3), list.has(3)]).toEqual([undefined, undefined, false]);
  expect([list.size, list.get(2), list.has(1)]).toEqual([2, { id: 2 }, true]);
  list.clear();
  expect([list.size, ...list]).toEqual([0]);
});

it("removed items are not kept until the next full collection", async () => {
  const list = new NumberedList<{ readonly id: number; readonly data: number[] }>();
  let id = 0;
  const grown = await oldBytes(() => {
    for (let i = 0; i < 40; i++) list.add({ id: id++, data: new Array<number>(100).fill(0.5) });
    for (const item of [...list].slice(0, -10)) list.take(item.id);
  });
  expect(grown).toBeLessThan(500_000);
});
