import { Batch, type BatchLayout } from "../../../src/core/batch.js";
import { Rng } from "../../../src/core/rng.js";
import type { ClickRun, ClickSource } from "../../../src/train/join/click-stream.js";
import type { JoinState } from "../../../src/train/join/join-counts.js";
import type { Joiner } from "../../../src/train/join/joiner.js";
import type { UnusedLabel } from "../../../src/train/join/unused-label.js";
import type { DecodedBatch } from "../../../src/train/stream.js";

export interface Event {
  readonly id: number;
  readonly time: number;
}

export interface World {
  readonly impressions: readonly Event[];
  readonly clicks: readonly Event[];
}

/** Impressions nearly in order, a third of them clicked, some repeatedly, with some clicks beyond the window. */
export function world(seed: number, count: number, times = 1): World {
  const rng = new Rng(seed);
  const impressions = Array.from({ length: count }, (_, id) => ({ id, time: 10_000 + 20 * id + rng.below(60) }));
  const clicks = Array.from({ length: times }, () => impressions)
    .flat()
    .filter(() => rng.below(3) === 0)
    .map(({ id, time }) => ({ id, time: time - 3 + rng.below(1200) }))
    .sort((a, b) => a.time - b.time);
  return { impressions, clicks };
}

/** Impressions as decoded. */
export function impressionBatch(layout: BatchLayout, events: readonly Event[]): Batch {
  const batch = new Batch(layout, events.length, new ArrayBuffer(layout.bytes));
  batch.idHalves.set(events.flatMap(({ id }) => [id, 7]));
  batch.times.set(events.map(({ time }) => time));
  return batch;
}

/** The same, as sent between threads. */
export function decodedImpressions(layout: BatchLayout, events: readonly Event[]): DecodedBatch {
  const { buffer } = impressionBatch(layout, events);
  return { rows: events.length, buffer, rejects: [], decisions: [] } as unknown as DecodedBatch;
}

/**
 * The result of a join of impressions, a layout's capacity at a time: their labels, the clicks that labelled nothing, and its final state.
 * @param lives the join is killed and resumed after every so many batches
 */
export async function joinedBy(
  open: (state: JoinState | null) => Promise<Joiner>,
  layout: BatchLayout,
  impressions: readonly Event[],
  killEvery = Number.POSITIVE_INFINITY,
) {
  const rows = layout.capacity;
  let joiner = await open(null);
  const found: number[] = [];
  const unused: UnusedLabel[] = [];
  let state: JoinState | null = null;
  for (let at = 0, n = 1; at < impressions.length; at += rows, n++) {
    const joined = await joiner.join(decodedImpressions(layout, impressions.slice(at, at + rows)), at);
    found.push(...new Batch(layout, joined.rows, joined.buffer).labels);
    unused.push(...(joined.unused ?? []));
    state = JSON.parse(JSON.stringify(joined.join)) as JoinState;
    if (n % killEvery === 0) joiner = await open(state);
  }
  return { found, unused, state: state! };
}

/** Shuffled, but none after one that is newer by more than the lateness. */
export function shuffled(clicks: readonly Event[], seed: number, lateness: number): Event[] {
  const rng = new Rng(seed);
  const at = (click: Event) => ({ click, place: click.time + rng.below(lateness) });
  return clicks
    .map(at)
    .sort((a, b) => a.place - b.place)
    .map(({ click }) => click);
}

/** Clicks in several streams, delivered in runs of a few. @param keeps deliver them with their texts */
export function source(clicks: readonly Event[], streams: number, keeps = false): ClickSource {
  const RUN = 5;
  const lists = Array.from({ length: streams }, (_, s) => clicks.filter((_, i) => i % streams === s));
  const open = async (index: number, place: string | null) => {
    let at = Number(place ?? 0);
    const next = async (): Promise<ClickRun | "end"> => {
      const run = lists[index].slice(at, at + RUN);
      if (run.length === 0) return "end";
      const base = { place: String(at), rows: run.length, rejects: [] };
      at += run.length;
      return {
        ...base,
        ids: Uint32Array.from(run.flatMap(({ id }) => [id, 7])),
        times: Float64Array.from(run, ({ time }) => time),
        ...(keeps && { texts: run.map(({ id, time }) => [`e${id}`, String(time)]) }),
      };
    };
    return { start: place, next };
  };
  return { keeps, streams, fingerprints: ["clicks"], open, close: async () => {} };
}
