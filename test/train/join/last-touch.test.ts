import { describe, expect, it } from "vitest";
import { Batch, batchLayout } from "../../../src/core/batch.js";
import { Rng } from "../../../src/core/rng.js";
import { loadSpec } from "../../../src/spec/parse.js";
import { clickSpec } from "../../../src/train/join/click-files.js";
import { ClickReader } from "../../../src/train/join/click-reader.js";
import type { ClickMark, ClickSource } from "../../../src/train/join/click-stream.js";
import type { JoinState } from "../../../src/train/join/join-counts.js";
import { Joiner } from "../../../src/train/join/joiner.js";
import { LastTouch } from "../../../src/train/join/last-touch.js";
import fc from "../../properties.js";
import { decodedImpressions, type Event, joinedBy, shuffled, source, type World } from "./streams.js";

const spec = loadSpec("features/ads-demo-join.yaml");
const clicksByKey = { ...spec.join!.clicks, id: null, key: ["user", "ad"] };
const join = { ...spec.join!, clicks: clicksByKey, window: 1000, lateness: 100, skew: 5 };
const ROWS = 8;
const layout = batchLayout(clickSpec(spec, join), ROWS);

/** Impressions nearly in order, of a few keys, some at the same time; clicks of the same keys, most of them after one. */
function world(seed: number, count: number, keys: number): World {
  const rng = new Rng(seed);
  const impressions = Array.from({ length: count }, (_, i) => ({
    id: rng.below(keys),
    time: 10_000 + 20 * i + 10 * rng.below(6),
  }));
  const clicks = impressions
    .filter(() => rng.below(3) === 0)
    .map(({ id, time }) => ({ id: rng.below(9) === 0 ? rng.below(keys) : id, time: time - 8 + rng.below(1300) }))
    .sort((a, b) => a.time - b.time);
  return { impressions, clicks };
}

/** Assigns each click to the last impression before it, one after the other. */
function oracle({ impressions, clicks }: World): number[] {
  const labels = impressions.map(() => 0);
  for (const click of clicks) {
    const before = impressions
      .map((shown, i) => ({ ...shown, i }))
      .filter(({ id, time }) => id === click.id && time <= click.time + join.skew)
      .sort((a, b) => a.time - b.time);
    const last = before.at(-1)?.time ?? Number.NEGATIVE_INFINITY;
    if (click.time <= last + join.window) for (const { i } of before.filter(({ time }) => time === last)) labels[i] = 1;
  }
  return labels;
}

interface Sources {
  readonly clicks: ClickSource;
  readonly shown: ClickSource;
}

/** Labels of all impressions and the final state; the join is killed and resumed after every `lives`th batch. */
async function labels({ impressions }: World, { clicks, shown }: Sources, killEvery = Number.POSITIVE_INFINITY) {
  const open = async (state: JoinState | null) => {
    const touches = await ClickReader.openAhead(join, shown, state && (state.shown ?? null));
    const reader = new LastTouch(await ClickReader.open(join, clicks, state), touches, join.skew);
    return new Joiner(join, layout, reader, state);
  };
  return joinedBy(open, layout, impressions, killEvery);
}

const seeds = fc.integer({ min: 0, max: 2 ** 31 });
const few = fc.integer({ min: 1, max: 4 });

describe("LastTouch", () => {
  it("assigns a click to the last impression of its key before it, however both are shuffled and spread", async () => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.integer({ min: 1, max: 30 }), few, few, async (seed, keys, streams, partitions) => {
        const all = world(seed, 120, keys);
        const expected = oracle(all);
        const thrice = shuffled([...all.clicks, ...all.clicks, ...all.clicks], seed + 1, join.lateness);
        const shown = source(shuffled(all.impressions, seed + 2, join.lateness), partitions);
        const { found, state } = await labels(all, { clicks: source(thrice, streams), shown });
        expect(found).toEqual(expected);
        expect(state).toMatchObject({ late: 0, joined: expected.filter(Boolean).length, shown: { late: 0 } });
      }),
      { numRuns: 60 },
    );
  });

  it("continues identically after a kill", async () => {
    await fc.assert(
      fc.asyncProperty(
        seeds,
        few,
        few,
        fc.integer({ min: 1, max: 6 }),
        async (seed, streams, partitions, killEvery) => {
          const all = world(seed, 120, 12);
          // Also beyond the lateness: what is late does not depend on the reader.
          const shuffledLate = (events: readonly Event[]) =>
            shuffled(events, seed + 1, join.lateness).map((event, i) =>
              i % 9 === 0 ? { ...event, time: event.time - 300 } : event,
            );
          const sources = {
            clicks: source(shuffledLate(all.clicks), streams),
            shown: source(shuffledLate(all.impressions), partitions),
          };
          expect(await labels(all, sources, killEvery)).toEqual(await labels(all, sources));
        },
      ),
      { numRuns: 40 },
    );
  });

  it("drops impressions that precede all future clicks", async () => {
    const all = world(3, 4000, 50);
    const { state } = await labels(all, { clicks: source(all.clicks, 2), shown: source(all.impressions, 2) });
    // They are read again from 16 batches of 8 impressions plus the lateness before, in two streams.
    const first = Math.min(...state.shown!.streams.map(({ place }) => Number(place)));
    expect(first).toBeGreaterThan(all.impressions.length / 2 - 120);
  });

  it("uses the clicks' time when impressions stop, records it, and repeats that after a kill", async () => {
    const impressions = [1, 2].map((id) => ({ id, time: 1000 * id }));
    const clicks = [
      { id: 1, time: 1010 },
      { id: 9, time: 9000 },
    ];
    const inTime = source(impressions, 1);
    const shown: ClickSource = {
      ...inTime,
      async open(index, place) {
        const { start, next } = await inTime.open(index, place);
        return { start, next: async () => ((run) => (run === "end" ? "quiet" : run))(await next()) };
      },
    };
    const joined = async (replay: readonly ClickMark[]) => {
      const reader = new LastTouch(
        await ClickReader.open(join, source(clicks, 2), null),
        await ClickReader.openAhead(join, shown, null),
        join.skew,
      );
      reader.follow(replay);
      const {
        join: state,
        decisions,
        buffer,
      } = await new Joiner(join, layout, reader, null).join(decodedImpressions(layout, impressions), 0);
      return { state, decisions: decisions as readonly ClickMark[], labels: [...new Batch(layout, 2, buffer).labels] };
    };
    const first = await joined([]);
    // After the two streams of clicks, when the newest impression is older by window and skew.
    const mark = {
      kind: "mark",
      at: 0,
      partition: 2,
      clicks: 2,
      time: 2000 + join.window + join.skew + join.lateness + 1,
    };
    expect(first).toMatchObject({ labels: [1, 0], decisions: [mark] });
    expect(await joined(first.decisions)).toEqual({ ...first, decisions: [] });
  });

  it("counts a click with the time of an earlier one as repeated", async () => {
    const impressions = [1, 1, 2].map((id, i) => ({ id, time: 1000 * (i + 1) }));
    const clicks = [1010, 2010, 2010, 2020].map((time) => ({ id: 1, time }));
    const { found, state } = await labels(
      { impressions, clicks },
      { clicks: source(clicks, 1), shown: source(impressions, 1) },
    );
    expect(found).toEqual([1, 1, 0]);
    expect(state).toMatchObject({ clicks: 4, joined: 2, duplicates: 1 });
  });
});
