import { afterEach, expect, it, vi } from "vitest";
import { CheckpointStore } from "../../src/checkpoints/store.js";
import { residentBytes } from "../../src/core/memory.js";
import { loadModel } from "../../src/model/load.js";
import { withCheckpoint } from "../../src/serve/models/checkpoint-source.js";
import { HeldModel } from "../../src/serve/models/held-model.js";
import { begin } from "../../src/train/resume.js";
import { trainJob } from "../../src/train/train.js";
import { report, temporary } from "../e2e/hashbrook.js";

afterEach(() => {
  vi.restoreAllMocks();
});

const MODEL = "features/ads-demo-lr.yaml";

/** A run with a few thousand rows. */
async function learned(seed = 5): Promise<string> {
  const out = temporary();
  await report(["train", "--model", MODEL, "--data", `simulate:2000:${seed}`, "--out", out]);
  return out;
}

/** Serves it as the thread that holds models does. */
const hold = (run: string) =>
  withCheckpoint(run, undefined, async (source) => {
    const held = await HeldModel.create(source.spec, { id: 0, readers: 1, precision: undefined });
    try {
      held.fill(source);
    } finally {
      await held.close();
    }
  });

const resume = async (out: string) =>
  begin(trainJob({ model: MODEL, data: "simulate:2100:5", out, resume: true }), new CheckpointStore(out));

it("a model that does not fit in the container's memory was killed without a word while it was loaded", async () => {
  const run = await learned();
  const limit = vi.spyOn(process, "constrainedMemory").mockReturnValue(residentBytes() >> 1);
  const options = { capacity: 1, threads: 1 };
  for (const load of [() => loadModel(run, options), () => hold(run), () => resume(run)]) {
    await expect(load()).rejects.toMatchObject({
      code: "memory_short",
      message: expect.stringMatching(/^.*checkpoint-000000002000: its rows need .*iB, but this process may use /),
    });
  }
  limit.mockReturnValue(residentBytes() + 2 ** 30);
  await hold(run);
  const { model, examples } = await loadModel(run, options);
  await model.close();
  expect(examples).toBe(2000);
});

it("a newer version whose changed rows do not fit beside the served ones was loaded until the system killed the server", async () => {
  const [served, newer] = [await learned(), await learned(6)];
  await withCheckpoint(served, undefined, async (source) => {
    const held = await HeldModel.create(source.spec, { id: 0, readers: 1, precision: undefined });
    held.fill(source);
    const before = held.fills;
    const limit = vi.spyOn(process, "constrainedMemory").mockReturnValue(residentBytes() >> 1);
    await withCheckpoint(newer, undefined, async (other) => {
      await expect(held.become(other)).rejects.toMatchObject({ code: "memory_short" });
      expect(held.fills).toEqual(before);
      limit.mockReturnValue(residentBytes() + 2 ** 30);
      await held.become(other);
      expect(held.fills).not.toEqual(before);
    });
    await held.close();
  });
});
