import { copyRows } from "../core/batch.js";
import { systemClock } from "../core/clock.js";
import { loadModel } from "../model/load.js";
import { eventsOf } from "./events.js";
import type { Entrant } from "./race.js";

/** Candidates per request. */
const ROWS = 100;
const RUNS = 15;

/** Microseconds per event for each model in requests of 100, in one thread: the median of several runs. */
export async function scoringTimes(
  entrants: readonly Entrant[],
  data: readonly string[],
): Promise<Record<string, number>> {
  const times: Record<string, number> = {};
  for (const entrant of entrants) times[entrant.name] = await scoringTime(entrant, data);
  return times;
}

async function scoringTime({ spec, out }: Entrant, data: readonly string[]): Promise<number> {
  const { model } = await loadModel(out, { capacity: ROWS, threads: 1 });
  const times: number[] = [];
  try {
    for await (const { batch } of eventsOf(spec, { data, capacity: ROWS, limit: ROWS })) {
      const { rows, layout } = batch;
      if (rows === 0) break;
      const own = copyRows(batch, 0, rows, new ArrayBuffer(layout.bytes));
      for (let i = 0; i < RUNS; i++) {
        const began = systemClock.now();
        await model.predict(own);
        times.push(((systemClock.now() - began) * 1000) / rows);
      }
      break;
    }
  } finally {
    await model.close();
  }
  const [median = 0] = times.sort((a, b) => a - b).slice(Math.floor(times.length / 2));
  return Number(median.toFixed(2));
}
