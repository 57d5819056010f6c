import { describe, expect, it } from "vitest";
import { batchLayout } from "../../../src/core/batch.js";
import { Rng } from "../../../src/core/rng.js";
import { loadSpec } from "../../../src/spec/parse.js";
import { clickSpec } from "../../../src/train/join/click-files.js";
import { ClickReader } from "../../../src/train/join/click-reader.js";
import type { ClickSource } from "../../../src/train/join/click-stream.js";
import { Conversions } from "../../../src/train/join/conversions.js";
import type { JoinState } from "../../../src/train/join/join-counts.js";
import { Joiner } from "../../../src/train/join/joiner.js";
import fc from "../../properties.js";
import { type Event, joinedBy, shuffled, source, type World, world } from "./streams.js";

const spec = loadSpec("features/ads-demo-join.yaml");
const join = { ...spec.join!, window: 1000, lateness: 100, skew: 5 };
const ROWS = 8;
const layout = batchLayout(clickSpec(spec, join), ROWS);

/** Labels of all impressions and the final state; the join is killed and resumed after every `lives`th batch. */
async function labels({ impressions }: World, clicks: ClickSource, killEvery = Number.POSITIVE_INFINITY) {
  const open = async (state: JoinState | null) =>
    new Joiner(join, layout, await ClickReader.open(join, clicks, state), state);
  return joinedBy(open, layout, impressions, killEvery);
}

const oracle = ({ impressions, clicks }: World) =>
  impressions.map(({ id, time }) =>
    Number(clicks.some((c) => c.id === id && c.time >= time - join.skew && c.time <= time + join.window)),
  );

const seeds = fc.integer({ min: 0, max: 2 ** 31 });

describe("Joiner", () => {
  it("labels like a reference that sees all clicks at once, however they are shuffled, repeated and spread", async () => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.integer({ min: 1, max: 8 }), async (seed, streams) => {
        const all = world(seed, 120);
        const expected = oracle(all);
        const thrice = shuffled([...all.clicks, ...all.clicks, ...all.clicks], seed + 1, join.lateness);
        const { found, state } = await labels(all, source(thrice, streams));
        expect(found).toEqual(expected);
        expect(state).toMatchObject({ late: 0, joined: expected.filter(Boolean).length });
      }),
      { numRuns: 40 },
    );
  });

  it("continues identically after a kill", async () => {
    await fc.assert(
      fc.asyncProperty(
        seeds,
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 6 }),
        async (seed, streams, killEvery) => {
          const all = world(seed, 120);
          // Also beyond the lateness: late clicks are the same for every reader.
          const withLate = shuffled(all.clicks, seed + 1, join.lateness).map((click, i) =>
            i % 9 === 0 ? { ...click, time: click.time - 300 } : click,
          );
          const clicks = source(withLate, streams);
          expect(await labels(all, clicks, killEvery)).toEqual(await labels(all, clicks));
        },
      ),
      { numRuns: 40 },
    );
  });

  it("counts late clicks, which label nothing, and repeated ones", async () => {
    const impressions = [1, 2, 3, 4].map((id) => ({ id, time: 1000 * id }));
    const clicks = [
      { id: 1, time: 1010 },
      { id: 1, time: 1010 },
      { id: 4, time: 4010 },
      { id: 3, time: 3010 },
    ];
    const { found, state } = await labels({ impressions, clicks }, source(clicks, 1));
    expect(found).toEqual([1, 0, 0, 1]);
    expect(state).toMatchObject({ clicks: 3, joined: 2, duplicates: 1, late: 1 });
  });

  it("drops clicks that no future impression can match", async () => {
    const all = world(3, 4000);
    const { state } = await labels(all, source(all.clicks, 2));
    // The index is read again from 16 batches of 8 impressions, 20 ms apart, plus window and lateness before.
    const first = Math.min(...state.streams.map(({ place }) => Number(place)));
    expect(first).toBeGreaterThan(all.clicks.length / 2 - 120);
  });

  it("labels impressions that were clicked and then converted as converted, also after kills", async () => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.integer({ min: 1, max: 6 }), async (seed, killEvery) => {
        const all = world(seed, 120, 2);
        const rng = new Rng(seed);
        const conversions = all.impressions
          .filter(() => rng.below(2) === 0)
          .map(({ id, time }) => ({ id, time: time + rng.below(1300) }))
          .sort((a, b) => a.time - b.time);
        const open = async (state: JoinState | null) => {
          const clicks = await ClickReader.open(join, source(all.clicks, 2), state);
          const later = await ClickReader.open(join, source(conversions, 3), state?.conversions ?? null);
          return new Joiner(join, layout, new Conversions(clicks, later, join.skew), state);
        };
        const within = (time: number) => (event: Event) =>
          event.time >= time - join.skew && event.time <= time + join.window;
        const expected = all.impressions.map(({ id, time }) => {
          const own = ({ id: other }: Event) => other === id;
          const clicked = all.clicks.filter(own).filter(within(time));
          const after = conversions.filter(own).filter(within(time));
          return Number(after.some((late) => clicked.some((click) => late.time >= click.time - join.skew)));
        });
        const whole = await joinedBy(open, layout, all.impressions);
        expect(whole.found).toEqual(expected);
        expect(whole.state).toMatchObject({ joined: expected.filter(Boolean).length, conversions: { late: 0 } });
        expect(await joinedBy(open, layout, all.impressions, killEvery)).toEqual(whole);
      }),
      { numRuns: 20 },
    );
  });
});
