import { existsSync, readdirSync } from "node:fs";
import { expect, it, vi } from "vitest";
import { blocksOf } from "../../src/checkpoints/lazy-blocks.js";
import { CheckpointStore } from "../../src/checkpoints/store.js";
import { batchLayout } from "../../src/core/batch.js";
import { createModel } from "../../src/model/create.js";
import { specOf } from "../../src/model/load.js";

const EARLIER = "test/fixtures/earlier";

it("a checkpoint's blocks are a complete map: its size, names and blocks agree with has and get", () => {
  const { checkpoint } = new CheckpointStore(`${EARLIER}/lr`).latest();
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

const runs = readdirSync(EARLIER).filter((name) => existsSync(`${EARLIER}/${name}.yaml`) && name !== "cache");

it.each(runs)("loading takes the memory of the tables once, not twice: %s", async (name) => {
  const { checkpoint, skipped } = new CheckpointStore(`${EARLIER}/${name}`).latest();
  const spec = specOf({ checkpoint: checkpoint!, skipped });
  const open = () => createModel(spec, { layout: batchLayout(spec, 8), threads: 1, purpose: "score" });
  const [streamed, copied] = [await open(), await open()];
  copied.restore(new Map(blocksOf(checkpoint!)));
  const read = vi.spyOn(checkpoint!, "read");
  streamed.restore(blocksOf(checkpoint!));
  expect(streamed.blocks()).toEqual(copied.blocks());
  const copies = new Set(read.mock.calls.flat());
  const large = checkpoint!.blocks.filter(({ name }) => /^table\/.*\/(rows|state|touched|filter)$/.test(name));
  expect(large.length).toBeGreaterThan(0);
  expect(large.filter(({ name }) => copies.has(name))).toEqual([]);
  for (const model of [streamed, copied]) await model.close();
});
