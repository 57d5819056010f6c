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

/** Impressions nearly in order, a third of them clicked, so many times perhaps, some clicks beyond the window. */
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

/** Impressions as they are decoded. */
export function impressionBatch(layout: BatchLayout, events: readonly Event[]): Batch {
  const batch = new Batch(layout, events.length, new ArrayBuffer(layout.bytes));
  batch.idHalves.set(events.flatMap(({ id }) => [id, 7]));
  batch.times.set(events.map(({ time }) => time));
  return batch;
}

/** The same, as threads hand them on. */
export function decodedImpressions(layout: BatchLayout, events: readonly Event[]): DecodedBatch {
  const { buffer } = impressionBatch(layout, events);
  return { rows: events.length, buffer, rejects: [], decisions: [] } as unknown as DecodedBatch;
}

/**
 * What a join makes of impressions, a layout's capacity at a time: their labels, the clicks that labelled nothing, and its state at the end.
 * @param lives the join is killed and resumed behind every so many batches
 */
export async function joinedBy(
  open: (state: JoinState | null) => Promise<Joiner>,
  layout: BatchLayout,
  impressions: readonly Event[],
  lives = Number.POSITIVE_INFINITY,
) {
  const rows = layout.capacity;
  let joiner = await open(null);
  const found: number[] = [];
  const told: UnusedLabel[] = [];
  let state: JoinState | null = null;
  for (let at = 0, n = 1; at < impressions.length; at += rows, n++) {
    const joined = await joiner.join(decodedImpressions(layout, impressions.slice(at, at + rows)), at);
    found.push(...new Batch(layout, joined.rows, joined.buffer).labels);
    told.push(...(joined.unused ?? []));
    state = JSON.parse(JSON.stringify(joined.join)) as JoinState;
    if (n % lives === 0) joiner = await open(state);
  }
  return { found, told, state: state! };
}

/** In another order, none behind one that is newer by more than the lateness. */
export function shuffled(clicks: readonly Event[], seed: number, lateness: number): Event[] {
  const rng = new Rng(seed);
  const at = (click: Event) => ({ click, place: click.time + rng.below(lateness) });
  return clicks
    .map(at)
    .sort((a, b) => a.place - b.place)
    .map(({ click }) => click);
}

/** Clicks in several streams, told in runs of a few. @param keeps they come with their texts */
export function source(clicks: readonly Event[], streams: number, keeps = false): ClickSource {
  const RUN = 5;
  const lists = Array.from({ length: streams }, (_, s) => clicks.filter((_, i) => i % streams === s));
  const open = async (index: number, place: string | null) => {
    let at = Number(place ?? 0);
    const next = async (): Promise<ClickRun | "end"> => {
      const run = lists[index].slice(at, at + RUN);
      if (run.length === 0) return "end";
      const begun = { place: String(at), rows: run.length, rejects: [] };
      at += run.length;
      return {
        ...begun,
        ids: Uint32Array.from(run.flatMap(({ id }) => [id, 7])),
        times: Float64Array.from(run, ({ time }) => time),
        ...(keeps && { texts: run.map(({ id, time }) => [`e${id}`, String(time)]) }),
      };
    };
    return { start: place, next };
  };
  return { keeps, streams, fingerprints: ["clicks"], open, close: async () => {} };
}
