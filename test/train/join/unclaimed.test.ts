import { describe, expect, it } from "vitest";
import { batchLayout } from "../../../src/core/batch.js";
import { loadSpec } from "../../../src/spec/parse.js";
import { clickSpec } from "../../../src/train/join/click-files.js";
import { ClickReader } from "../../../src/train/join/click-reader.js";
import type { ClickSource } from "../../../src/train/join/click-stream.js";
import type { JoinState } from "../../../src/train/join/join-counts.js";
import { Joiner } from "../../../src/train/join/joiner.js";
import fc from "../../properties.js";
import { type Event, joinedBy, shuffled, source, world } from "./streams.js";

const spec = loadSpec("features/ads-demo-join.yaml");
const join = { ...spec.join!, window: 1000, lateness: 100, skew: 5 };
const ROWS = 8;
const layout = batchLayout(clickSpec(spec, join), ROWS);

/** Clicks that labelled nothing, and what was kept of the join, which is killed and resumed behind every `lives`th batch. */
async function unused(impressions: readonly Event[], clicks: ClickSource, lives = Number.POSITIVE_INFINITY) {
  const open = async (state: JoinState | null) =>
    new Joiner(join, layout, await ClickReader.open(join, clicks, state), state);
  return joinedBy(open, layout, impressions, lives);
}

const seeds = fc.integer({ min: 0, max: 2 ** 31 });
const few = fc.integer({ min: 1, max: 4 });
/** Impressions of nobody, so much later that all before are over. */
const after = Array.from({ length: 20 * ROWS }, (_, i) => ({ id: 100_000 + i, time: 1_000_000 + i }));

describe("clicks that no impression has", () => {
  it("are told as orphans, each once, when none to come can be as old, whatever the streams and kills", async () => {
    await fc.assert(
      fc.asyncProperty(seeds, few, fc.integer({ min: 1, max: 6 }), async (seed, streams, lives) => {
        const all = world(seed, 120);
        // Of impressions that were not shown here, too.
        const foreign = all.clicks.filter((_, i) => i % 4 === 0).map(({ id, time }) => ({ id: id + 1000, time }));
        const clicks = shuffled([...all.clicks, ...foreign], seed + 1, join.lateness);
        const impressions = [...all.impressions, ...after];
        const shown = new Map(impressions.map(({ id, time }) => [id, time]));
        const orphans = clicks.filter(({ id, time }) => {
          const of = shown.get(id) ?? Number.NaN;
          return !(time >= of - join.skew && time <= of + join.window);
        });
        const whole = await unused(impressions, source(clicks, streams, true));
        expect(new Set(whole.told.map(({ reason }) => reason))).toEqual(new Set(["orphan"]));
        const told = whole.told.map(({ id, time }) => `${id} ${time}`);
        expect(told.sort()).toEqual(orphans.map(({ id, time }) => `e${id} ${time}`).sort());
        expect(await unused(impressions, source(clicks, streams, true), lives)).toEqual(whole);
      }),
      { numRuns: 40 },
    );
  });

  it("are not told again where they were told as repeated, and not at all where nobody keeps them", async () => {
    const clicks = [1, 7, 7].map((id, i) => ({ id, time: 1010 + i }));
    const impressions = [{ id: 1, time: 1000 }, ...after];
    const { told, state } = await unused(impressions, source(clicks, 1, true));
    expect(told.map(({ reason, time }) => [reason, time])).toEqual([
      ["repeated", "1012"],
      ["orphan", "1011"],
    ]);
    expect(state.claimed).toEqual([""]);
    const { told: none, state: plain } = await unused(impressions, source(clicks, 1));
    expect(none).toEqual([]);
    expect(plain).not.toHaveProperty("claimed");
  });
});
