import { rmSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../core/clock.js";
import { HashbrookError } from "../core/errors.js";
import { trainTogether } from "../train/together/together.js";
import type { TuneOptions } from "./options.js";
import { timeSeconds } from "./question.js";
import { LEAST_EVENTS, trainedEvents } from "./schedule.js";
import type { Made, Session } from "./session.js";

/** Events that all models learn to measure the time per event. */
const PROBED = 4_096;
/** The part of the time limit that the comparison is planned to take, since speed varies. */
const PLANNED = 0.8;

/**
 * The number of events, from the start, for which comparing these candidates takes about the given time.
 * @throws HashbrookError time_too_short, naming how long the shortest comparison takes
 */
export async function eventsWithin(
  time: string,
  events: number,
  made: Made,
  session: Session,
  { workers, signal }: TuneOptions,
): Promise<number> {
  const { out, question } = session;
  const { reference, candidates } = made;
  const left = timeSeconds(time) * PLANNED;
  const probe = join(out, "probe");
  rmSync(probe, { recursive: true, force: true });
  const contenders = [reference, ...candidates].map(({ spec }, i) => ({
    name: String(i),
    spec,
    out: join(probe, String(i)),
  }));
  const seconds = async (limit: number) => {
    const began = systemClock.now();
    await trainTogether({
      contenders,
      data: question.data,
      limit,
      checkpointSeconds: 0,
      workers,
      signal,
      resume: true,
    });
    return (systemClock.now() - began) / 1000;
  };
  try {
    const start = await seconds(512);
    const learning = Math.max(1e-3, (await seconds(512 + PROBED)) - start) / (PROBED * contenders.length);
    const takes = (n: number) => start + learning * trainedEvents(session.schedule(made, n), candidates.length);
    let [low, high] = [Math.min(events, LEAST_EVENTS), events];
    if (takes(low) > left)
      throw new HashbrookError(
        "time_too_short",
        `--time ${time}: comparing ${candidates.length} candidates takes at least about ${Math.ceil(takes(low) / PLANNED)} s`,
        {
          hint: "allow more time, or fewer candidates (--candidates)",
        },
      );
    if (takes(high) <= left) return events;
    while (high - low > LEAST_EVENTS) {
      const middle = Math.floor((low + high) / 2);
      if (takes(middle) <= left) low = middle;
      else high = middle;
    }
    return low;
  } finally {
    rmSync(probe, { recursive: true, force: true });
  }
}
