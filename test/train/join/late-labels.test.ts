import { describe, expect, it } from "vitest";
import { Batch, batchLayout, labelLayout } from "../../../src/core/batch.js";
import { loadSpec } from "../../../src/spec/parse.js";
import { DedupWindow } from "../../../src/train/dedup.js";
import type { FilePosition } from "../../../src/train/job.js";
import { clickSpec } from "../../../src/train/join/click-files.js";
import { ClickReader } from "../../../src/train/join/click-reader.js";
import type { JoinState } from "../../../src/train/join/join-counts.js";
import { LateLabels } from "../../../src/train/join/late-labels.js";
import type { DecodedBatch } from "../../../src/train/stream.js";
import fc from "../../properties.js";
import { type Event, impressionBatch, shuffled, source, type World, world } from "./streams.js";

const spec = loadSpec("features/ads-demo-join.yaml");
const correct = { method: "fnw", ages: [60, 250, 1000] } as const;
const join = { ...spec.join!, window: 1000, lateness: 100, skew: 5, correct };
const ROWS = 16;
const START = { epoch: 0, file: 0, offset: 0, row: 0 };
const layout = batchLayout(clickSpec(spec, join), ROWS);

function decodedOf(events: readonly Event[], end: number, ended: boolean): DecodedBatch {
  const batch = impressionBatch(layout, events);
  batch.weights.fill(1);
  const position = { epoch: 0, file: 0, offset: end, row: end };
  return {
    rows: events.length,
    buffer: batch.buffer,
    position,
    epochs: Number(ended),
    rejects: [],
    decisions: [],
  } as never;
}

async function* impressionsFrom(all: readonly Event[], from: number, wanted: () => number) {
  for (let at = from; ; ) {
    const some = all.slice(at, at + wanted());
    at += some.length;
    const ended = some.length === 0 || at === all.length;
    yield decodedOf(some, at, ended);
    if (ended) return;
  }
}

type Rows = [id: number, label: number][];
interface Learned {
  /** Per batch: impressions, and corrections. */
  readonly batches: { readonly fresh: Rows; readonly corrections: Rows }[];
  /** Final labels, in order. */
  readonly final: number[];
  state: JoinState | null;
  /** Impressions learned, and duplicates. */
  rows: number;
  /** Impressions learned, in order. */
  readonly fresh: number[];
}

const empty = (): Learned => ({ batches: [], final: [], state: null, rows: 0, fresh: [] });

interface LearnOptions {
  readonly streams?: number;
  readonly most?: number;
  readonly wait?: number;
  /** The number of ids that are deduplicated. */
  readonly ids?: number;
}

/** Continues with what was learned, for `most` batches. */
async function learn(
  { impressions, clicks }: World,
  learned: Learned,
  { streams = 1, most = Number.POSITIVE_INFINITY, wait, ids }: LearnOptions = {},
): Promise<boolean> {
  const { state, rows: from } = learned;
  const reader = await ClickReader.open(join, source(clicks, streams), state);
  const dedup = ids === undefined ? null : new DedupWindow(ids);
  dedup?.admit(BigUint64Array.from(learned.fresh.slice(-(ids ?? 0)), (id) => (7n << 32n) | BigInt(id)));
  const late = new LateLabels({
    spec: wait === undefined ? join : { ...join, correct: { ...correct, method: "plain", wait } },
    layout,
    head: (wanted) => impressionsFrom(impressions, from, wanted),
    again: (place) => impressionsFrom(impressions, (place as FilePosition).offset, () => ROWS / 2),
    files: () => ["impressions"],
    clicks: reader,
    state,
    start: START,
    limit: Number.POSITIVE_INFINITY,
    over: from === impressions.length,
    dedup,
  });
  let count = 0;
  for await (const { rows, buffer, corrections = 0, repeated = 0, settled, join: now } of late.batches()) {
    const { idHalves: ids, labels } = new Batch(layout, rows, buffer);
    const all: Rows = Array.from(labels, (label, i) => [ids[2 * i], label]);
    const [fresh, again] = [all.slice(0, rows - corrections), all.slice(rows - corrections)];
    if (rows > 0) learned.batches.push({ fresh, corrections: again });
    if (settled) learned.final.push(...new Batch(labelLayout(settled.rows), settled.rows, settled.buffer).labels);
    learned.state = JSON.parse(JSON.stringify(now)) as JoinState;
    learned.rows += fresh.length + repeated;
    learned.fresh.push(...fresh.map(([id]) => id));
    if (++count === most) return false;
  }
  return true;
}

async function learnAll(all: World, options = {}): Promise<Learned> {
  const learned = empty();
  await learn(all, learned, options);
  return learned;
}

const delaysOf = ({ clicks }: World, { id, time }: Event) =>
  clicks.filter((click) => click.id === id).map((click) => click.time - time);
const labelsOf = (all: World) =>
  all.impressions.map((event) => Number(delaysOf(all, event).some((delay) => delay >= -5 && delay <= 1000)));

const seeds = fc.integer({ min: 0, max: 2 ** 31 });

describe("LateLabels", () => {
  it("learns every impression once, immediately, as a negative, and emits final labels in order", async () => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.integer({ min: 1, max: 4 }), async (seed, streams) => {
        const all = world(seed, 300, 2);
        const { batches, final, state } = await learnAll(all, { streams });
        const fresh = batches.flatMap((batch) => batch.fresh);
        expect(fresh).toEqual(all.impressions.map(({ id }) => [id, 0]));
        expect(final).toEqual(labelsOf(all));
        expect(state).toMatchObject({ awaited: 0, late: 0 });
      }),
      { numRuns: 20 },
    );
  });

  it("corrects clicked impressions once, at the age of the first one", async () => {
    const all = world(5, 600, 2);
    const { batches, state } = await learnAll(all);
    const corrections = batches.flatMap((batch) => batch.corrections);
    const ids = corrections.map(([id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(corrections.every(([, label]) => label === 1)).toBe(true);
    expect(state).toMatchObject({ corrected: ids.length, joined: ids.length });
    // All except those whose age the last impressions have not reached.
    const labels = labelsOf(all);
    const old = all.impressions.filter(({ id }) => labels[id] === 1 && id < 600 - 1000 / 20 - 2 * ROWS);
    expect(old.filter(({ id }) => !ids.includes(id))).toEqual([]);
    expect(ids.filter((id) => labels[id] === 0)).toEqual([]);
    let reached = 0;
    for (const batch of batches) {
      for (const [id] of batch.corrections) {
        const first = Math.min(...delaysOf(all, all.impressions[id]).filter((delay) => delay >= -5));
        const age = correct.ages.find((one) => first <= one)!;
        expect(reached).toBeGreaterThanOrEqual(all.impressions[id].time + age);
      }
      reached = Math.max(reached, ...batch.fresh.map(([id]) => all.impressions[id].time));
    }
  });

  it("has closed what every age reads when all is learned, or when it is to end", async () => {
    for (const batches of [2, Number.POSITIVE_INFINITY]) {
      const all = world(5, 600, 2);
      let open = 0;
      const late = new LateLabels({
        spec: join,
        layout,
        state: null,
        start: START,
        limit: Number.POSITIVE_INFINITY,
        over: false,
        head: (wanted) => impressionsFrom(all.impressions, 0, wanted),
        again: async function* (place) {
          open++;
          try {
            yield* impressionsFrom(all.impressions, (place as FilePosition).offset, () => ROWS / 2);
          } finally {
            open--;
          }
        },
        clicks: await ClickReader.open(join, source(all.clicks, 1), null),
      });
      let learned = 0;
      for await (const _ of late.batches()) if (++learned === batches) break;
      expect([learned > 1, open]).toEqual([true, 0]);
    }
  });

  it("continues identically after kills", async () => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.integer({ min: 2, max: 9 }), async (seed, most) => {
        const sample = world(seed, 250, 2);
        const all = { ...sample, clicks: shuffled(sample.clicks, seed, 150) };
        const whole = await learnAll(all);
        const killed = empty();
        while (!(await learn(all, killed, { most })));
        expect(killed).toEqual(whole);
      }),
      { numRuns: 20 },
    );
  });

  it("delays learning if configured, and corrects what arrived later", async () => {
    const all = world(9, 400, 2);
    const { batches, final } = await learnAll(all, { wait: 30 });
    const early = ({ id, time }: Event) => delaysOf(all, { id, time }).some((delay) => delay >= -5 && delay <= 30);
    expect(batches.flatMap(({ fresh }) => fresh)).toEqual(all.impressions.map((one) => [one.id, Number(early(one))]));
    const corrected = batches.flatMap(({ corrections }) => corrections.map(([id]) => id));
    expect(corrected.length).toBeGreaterThan(30);
    expect(corrected.filter((id) => early(all.impressions[id]))).toEqual([]);
    expect(final).toEqual(labelsOf(all));
  });

  it("learns and corrects duplicates once, also after kills", async () => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.integer({ min: 2, max: 9 }), async (seed, most) => {
        const sample = world(seed, 250, 2);
        const again = (at: number) =>
          at % 5 === 2 ? [sample.impressions[at], sample.impressions[at - 2]] : [sample.impressions[at]];
        const all = { ...sample, impressions: sample.impressions.flatMap((_, at) => again(at)) };
        const whole = await learnAll(all, { ids: 100 });
        expect(whole.fresh).toEqual(sample.impressions.map(({ id }) => id));
        expect(whole.final).toEqual(labelsOf(sample));
        const ids = whole.batches.flatMap(({ corrections }) => corrections.map(([id]) => id));
        expect(new Set(ids).size).toBe(ids.length);
        expect(whole.state).toMatchObject({ awaited: 0 });
        const killed = empty();
        while (!(await learn(all, killed, { most, ids: 100 })));
        expect(killed).toEqual(whole);
      }),
      { numRuns: 15 },
    );
  });

  it("is not held up by a clock that is ahead", async () => {
    const sample = world(3, 600, 2);
    const wild = (event: Event) => (event.id % 97 === 50 ? { ...event, time: 10 * event.time } : event);
    const all = { ...sample, impressions: sample.impressions.map(wild) };
    const { batches } = await learnAll(all);
    const sane = (await learnAll(sample)).batches.flatMap(({ corrections }) => corrections).length;
    expect(batches.flatMap(({ corrections }) => corrections).length).toBeGreaterThan(0.9 * sane);
  });
});
