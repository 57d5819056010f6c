import { grouped } from "../core/digits.js";
import { HashbrookError } from "../core/errors.js";
import { BLOCK_EVENTS } from "../metrics/score-blocks.js";

/** When candidates are compared, and how many continue. */
export interface Rung {
  /** Events learned by then. */
  readonly events: number;
  /** How many continue: the best ones. */
  readonly keep: number;
  /** The newest share of the learned events, which decides. Absent: half. */
  readonly newest?: number;
  /** Whether those clearly worse than the best one are eliminated, too. */
  readonly clear?: boolean;
}

/** The schedule of a comparison over the stream. */
export interface Schedule {
  readonly events: number;
  /** Events per round: rungs are at ends of rounds. */
  readonly round: number;
  /** The last one chooses; later events judge. */
  readonly rungs: readonly Rung[];
}

/** The last part of the stream, which judges what was chosen by earlier events. */
const JUDGED = 0.2;
/** Fewer events are too few to eliminate anybody; at the first rung, where models have learned little yet, more are needed. */
const LEAST_RUNG = 4 * BLOCK_EVENTS;
const LEAST_EARLY = 16 * BLOCK_EVENTS;
/**
 * Points of the stream, as shares of the part before the judgement, at which candidates are eliminated; with the share that
 * continues, and the least number. Half of the cost of a comparison is what the last three learn.
 */
const RUNGS = [
  { at: 1 / 16, keep: 1 / 2, fewest: 3, least: LEAST_EARLY },
  { at: 1 / 8, keep: 1 / 3, fewest: 3, least: LEAST_RUNG },
  { at: 3 / 16, keep: 1 / 6, fewest: 3, least: LEAST_RUNG },
  { at: 1 / 4, keep: 1 / 8, fewest: 3, least: LEAST_RUNG },
  { at: 1 / 2, keep: 1 / 12, fewest: 2, least: LEAST_RUNG },
  { at: 3 / 4, keep: 1 / 12, fewest: 2, least: LEAST_RUNG, newest: 1 / 3, clear: true },
] as const;
/** Part of the learned events that the choice is made by: what tables are like now, not while they were filling. */
const NEWEST = 1 / 4;
/** Candidates that may continue beside the best ones (`goingFrom`). */
const SPARED = 1;
const ROUNDS = 32;
/** Fewer events tell nothing. */
export const LEAST_EVENTS = 8 * BLOCK_EVENTS;

/**
 * Successive halving (Jamieson and Talwalkar 2016) over a stream: at each rung the better ones continue from their current
 * state.
 * @param batch rows of the largest batch: rounds are whole batches of all
 * @throws HashbrookError metric_undefined if there are too few events
 */
export function schedule(candidates: number, events: number, batch: number, halving = true): Schedule {
  if (events < LEAST_EVENTS)
    throw new HashbrookError("metric_undefined", `${grouped(events)} events are too few to compare models`, {
      hint: `use at least ${grouped(LEAST_EVENTS)} events, better 100,000`,
    });
  if (events <= batch)
    throw new HashbrookError("metric_undefined", `${grouped(events)} events are one batch, so none judges the choice`, {
      hint: `use more than train.batch, ${grouped(batch)} events, or smaller batches`,
    });
  const round = Math.max(1, Math.floor(events / ROUNDS / batch)) * batch;
  const rounded = (share: number) => Math.max(round, Math.round((events * share) / round) * round);
  const chosen = Math.min(rounded(1 - JUDGED), Math.floor((events - 1) / round) * round);
  const rungs: Rung[] = [];
  let left = candidates;
  for (const { at, keep, fewest, least, ...how } of halving ? RUNGS : []) {
    const rung = { events: rounded((1 - JUDGED) * at), keep: Math.max(fewest, Math.ceil(candidates * keep)), ...how };
    if (rung.events < least || rung.keep >= left || rung.events >= chosen || rung.events <= (rungs.at(-1)?.events ?? 0))
      continue;
    rungs.push(rung);
    left = rung.keep + SPARED;
  }
  return { events, round, rungs: [...rungs, { events: chosen, keep: halving ? 1 : candidates, newest: NEWEST }] };
}

/**
 * Total number of events that all models learn: the cost of a comparison.
 * @param kept how many continue from each rung. Default: as many as may
 */
export function trainedEvents(
  { events, rungs }: Pick<Schedule, "events" | "rungs">,
  candidates: number,
  kept: readonly number[] = rungs.map(({ keep }) => (keep > 1 ? keep + SPARED : keep)),
): number {
  let sum = events;
  let before = 0;
  let left = candidates;
  for (const [i, to] of [...rungs.map((rung) => rung.events), events].entries()) {
    sum += left * (to - before);
    [before, left] = [to, Math.min(left, kept[i] ?? 0)];
  }
  return sum;
}
