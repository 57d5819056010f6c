import { Rng } from "../../../src/core/rng.js";
import type { ClickRun, ClickSource } from "../../../src/train/join/click-stream.js";

export interface Event {
  readonly id: number;
  readonly time: number;
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

/** Clicks in several streams, told in runs of a few. */
export function source(clicks: readonly Event[], streams: number): ClickSource {
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
      };
    };
    return { start: place, next };
  };
  return { streams, fingerprints: ["clicks"], open, close: async () => {} };
}
