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

/** Clicks that labelled nothing, and the saved state of the join, which is killed and resumed after every `lives`th batch. */
async function unused(impressions: readonly Event[], clicks: ClickSource, killEvery = Number.POSITIVE_INFINITY) {
  const open = async (state: JoinState | null) =>
    new Joiner(join, layout, await ClickReader.open(join, clicks, state), state);
  return joinedBy(open, layout, impressions, killEvery);
}

const seeds = fc.integer({ min: 0, max: 2 ** 31 });
const few = fc.integer({ min: 1, max: 4 });
/** Impressions without clicks, so late that all earlier ones are complete. */
const after = Array.from({ length: 20 * ROWS }, (_, i) => ({ id: 100_000 + i, time: 1_000_000 + i }));

describe("clicks without an impression", () => {
  it("are reported as orphans, once each, when no future impression can match, for any streams and kills", async () => {
    await fc.assert(
      fc.asyncProperty(seeds, few, fc.integer({ min: 1, max: 6 }), async (seed, streams, killEvery) => {
        const all = world(seed, 120);
        // Also of impressions that were not shown here.
        const foreign = all.clicks.filter((_, i) => i % 4 === 0).map(({ id, time }) => ({ id: id + 1000, time }));
        const clicks = shuffled([...all.clicks, ...foreign], seed + 1, join.lateness);
        const impressions = [...all.impressions, ...after];
        const shown = new Map(impressions.map(({ id, time }) => [id, time]));
        const orphans = clicks.filter(({ id, time }) => {
          const of = shown.get(id) ?? Number.NaN;
          return !(time >= of - join.skew && time <= of + join.window);
        });
        const whole = await unused(impressions, source(clicks, streams, true));
        expect(new Set(whole.unused.map(({ reason }) => reason))).toEqual(new Set(["orphan"]));
        const reported = whole.unused.map(({ id, time }) => `${id} ${time}`);
        expect(reported.sort()).toEqual(orphans.map(({ id, time }) => `e${id} ${time}`).sort());
        expect(await unused(impressions, source(clicks, streams, true), killEvery)).toEqual(whole);
      }),
      { numRuns: 40 },
    );
  });

  it("are not reported again if they were repeated, and not at all if nobody keeps them", async () => {
    const clicks = [1, 7, 7].map((id, i) => ({ id, time: 1010 + i }));
    const impressions = [{ id: 1, time: 1000 }, ...after];
    const { unused: reported, state } = await unused(impressions, source(clicks, 1, true));
    expect(reported.map(({ reason, time }) => [reason, time])).toEqual([
      ["repeated", "1012"],
      ["orphan", "1011"],
    ]);
    expect(state.claimed).toEqual([""]);
    const { unused: none, state: plain } = await unused(impressions, source(clicks, 1));
    expect(none).toEqual([]);
    expect(plain).not.toHaveProperty("claimed");
  });
});
