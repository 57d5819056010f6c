import { expect, it } from "vitest";
import { blocksOf } from "../../src/checkpoints/lazy-blocks.js";
import { CheckpointStore } from "../../src/checkpoints/store.js";

it("a checkpoint's blocks are a complete map: its size, names and blocks agree with has and get", () => {
  const { checkpoint } = new CheckpointStore("test/fixtures/earlier/lr").latest();
  const blocks = blocksOf(checkpoint!);
  const names = checkpoint!.blocks.map(({ name }) => name);
  expect(names.length).toBeGreaterThan(0);
  expect(blocks.size).toBe(names.length);
  expect([...blocks.keys()]).toEqual(names);
  expect([...blocks.values()]).toEqual(names.map((name) => blocks.get(name)));
  expect(new Map(blocks)).toEqual(new Map(names.map((name) => [name, checkpoint!.read(name)])));
  const visited: string[] = [];
  blocks.forEach(({ name }, key) => {
    visited.push(`${key} ${name}`);
  });
  expect(visited).toEqual(names.map((name) => `${name} ${name}`));
  expect([blocks.has("another"), blocks.get("another")]).toEqual([false, undefined]);
});
