import { afterEach, expect, it, onTestFinished, vi } from "vitest";
import { CheckpointStore } from "../../src/checkpoints/store.js";
import { forgetShown, tellServingMemory } from "../../src/cli/warnings.js";
import { residentBytes } from "../../src/core/memory.js";
import { DirectorySource } from "../../src/delta-log/directory-source.js";
import { loadModel } from "../../src/model/load.js";
import { withCheckpoint } from "../../src/serve/models/checkpoint-source.js";
import { HeldModel } from "../../src/serve/models/held-model.js";
import { Scorer } from "../../src/serve/scorer.js";
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

it("a server was killed without a word while it followed a log whose model does not fit in memory", async () => {
  const log = temporary();
  const args = ["--model", MODEL, "--data", "simulate:2000:5", "--out", temporary(), "--publish", log];
  await report(["train", ...args]);
  const limit = vi.spyOn(process, "constrainedMemory").mockReturnValue(residentBytes() >> 1);
  const onTrouble = vi.fn();
  const scorer = Scorer.follow(new DirectorySource(log), { onTrouble });
  onTestFinished(() => scorer.close());
  await expect
    .poll(() => onTrouble.mock.calls.flat())
    .toEqual([expect.stringMatching(/^the delta log's snapshot: its rows need .*iB, but this process may use /)]);
  expect(scorer.version).toBeNull();
  limit.mockReturnValue(residentBytes() + 2 ** 30);
  const fits = Scorer.follow(new DirectorySource(log));
  await expect.poll(() => fits.version?.version).toBe(2000);
  await fits.close();
});

it("a server whose followed model grew to the limit of its memory said nothing", () => {
  const limit = vi.spyOn(process, "constrainedMemory").mockReturnValue(residentBytes() * 2);
  const stderr = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  forgetShown();
  tellServingMemory();
  expect(stderr).not.toHaveBeenCalled();
  limit.mockReturnValue(residentBytes());
  for (let entry = 0; entry < 3; entry++) tellServingMemory();
  expect(stderr.mock.calls.map(([text]) => text)).toEqual([
    expect.stringMatching(/^warning: memory is short: .*iB of /),
  ]);
});
