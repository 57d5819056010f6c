import { rmSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../core/clock.js";
import { HashbrookError } from "../core/errors.js";
import { trainTogether } from "../train/together/together.js";
import type { TuneOptions } from "./options.js";
import { timeSeconds } from "./question.js";
import { LEAST_EVENTS, trainedEvents } from "./schedule.js";
import type { Made, Session } from "./session.js";

/** Events that all models learn to measure the start. */
const FIRST = 512;
/** Further events that all models learn to measure the time per event. */
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
  options: TuneOptions,
): Promise<number> {
  const left = timeSeconds(time) * PLANNED;
  const takes = await secondsFor(made, session, options);
  const least = Math.min(events, LEAST_EVENTS);
  if (takes(least) > left) throw tooShort(time, made.candidates.length, takes(least) / PLANNED);
  return takes(events) <= left ? events : mostWithin(left, takes, [least, events]);
}

/** The number of events between two, to `LEAST_EVENTS`, from which on it takes longer. */
function mostWithin(left: number, takes: (events: number) => number, between: readonly [number, number]): number {
  let [low, high] = between;
  while (high - low > LEAST_EVENTS) {
    const middle = Math.floor((low + high) / 2);
    if (takes(middle) <= left) low = middle;
    else high = middle;
  }
  return low;
}

/** Measures how long a comparison takes, as a function of the number of events: its start, and learning. */
async function secondsFor(
  made: Made,
  session: Session,
  { workers, signal }: TuneOptions,
): Promise<(events: number) => number> {
  const { reference, candidates } = made;
  const probe = join(session.out, "probe");
  rmSync(probe, { recursive: true, force: true });
  const named = [reference, ...candidates].entries();
  const contenders = Array.from(named, ([i, { spec }]) => ({ name: String(i), spec, out: join(probe, String(i)) }));
  const { data } = session.question;
  const given = { contenders, data, checkpointSeconds: 0, workers, signal, resume: true };
  const seconds = async (limit: number) => {
    const began = systemClock.now();
    await trainTogether({ ...given, limit });
    return (systemClock.now() - began) / 1000;
  };
  try {
    const start = await seconds(FIRST);
    const learning = Math.max(1e-3, (await seconds(FIRST + PROBED)) - start) / (PROBED * contenders.length);
    return (events) => start + learning * trainedEvents(session.schedule(made, events), candidates.length);
  } finally {
    rmSync(probe, { recursive: true, force: true });
  }
}

function tooShort(time: string, candidates: number, seconds: number): HashbrookError {
  const least = Math.ceil(seconds);
  return new HashbrookError(
    "time_too_short",
    `--time ${time}: comparing ${candidates} candidates takes at least about ${least} s`,
    { hint: "allow more time, or fewer candidates (--candidates)" },
  );
}
