import { rmSync } from "node:fs";
import { dirname } from "node:path";
import { fromPlainError, HashbrookError, type PlainError } from "../core/errors.js";
import { nodeFiles } from "../core/files.js";
import { BLOCK_EVENTS, type ScoredStream } from "../metrics/score-blocks.js";
import type { CompiledSpec } from "../spec/compiled.js";
import type { Report } from "../train/metrics/report.js";
import type { ContenderReport, Round, RoundVerdict } from "../train/together/options.js";
import { trainTogether } from "../train/together/together.js";
import type { Metric } from "./question.js";
import type { Rung, Schedule } from "./schedule.js";
import { type Standing, scoredTo, standing, type Window } from "./windows.js";

/** The newest share of the learned events that decides at a rung which names no other. */
const HALF = 1 / 2;
/** Standard errors of a difference by which a model is clearly, or hopelessly, worse than the best one. */
const CLEARLY = 3;
const HOPELESSLY = 6;

/** A model in the race. */
export interface Entrant {
  readonly name: string;
  readonly spec: CompiledSpec;
  /** Its directory while it learns. */
  readonly out: string;
  /** Its tables lack room for all ids of the stream, so useful rows will be evicted. */
  readonly crowded?: boolean;
}

/** An entrant's result at a rung. */
export interface Placed extends Standing {
  readonly name: string;
  /** Bytes of its tables at that point. */
  readonly bytes: number;
  /** Rows removed by then to make room for others; absent in ledgers of earlier versions. */
  readonly evicted?: number;
  /** Whether it continues. */
  readonly kept: boolean;
}

/** The results of a rung, the best first. */
export interface RungResult {
  /** From 0; the last one makes the choice. */
  readonly rung: number;
  /** Events learned by then. */
  readonly events: number;
  readonly placed: readonly Placed[];
  readonly reference: Standing;
}

/** The result of a race. */
export interface RaceResult {
  /** Results on the events after the last rung, for those that continued, in the order given; none if all have failed. */
  readonly judged: readonly Omit<Placed, "kept" | "evicted">[];
  readonly reference: { readonly standing: Standing; readonly bytes: number; readonly report: Report };
  /** Those that failed, and why. */
  readonly failed: readonly { readonly name: string; readonly error: PlainError }[];
  readonly stopped: boolean;
}

export interface RaceOptions {
  readonly reference: Entrant;
  readonly entrants: readonly Entrant[];
  readonly data: string | readonly string[];
  readonly schedule: Schedule;
  readonly metric: Metric;
  /** Rungs decided in an earlier run: their results, and which entrants continued. */
  readonly decided: readonly RungResult[];
  readonly workers?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onRung: (result: RungResult) => void;
  readonly onRound?: ((round: Round) => void) | undefined;
}

/**
 * Trains entrants and the reference side by side, and eliminates the worse ones at every rung. Those that a decided rung
 * eliminated do not start: what is learned does not depend on who else learns.
 * @throws HashbrookError metric_undefined if a window has one class only; as `trainTogether`
 */
export async function race(options: RaceOptions): Promise<RaceResult> {
  const { reference, schedule, decided } = options;
  const entrants = goingOn(options.entrants, decided);
  for (const { out } of [reference, ...entrants]) makeRoom(out);
  const running = new Running(options, entrants);
  const report = await trainTogether({
    contenders: [reference, ...entrants],
    data: options.data,
    limit: schedule.events,
    roundExamples: schedule.round,
    checkpointSeconds: 0,
    keep: 1,
    workers: options.workers,
    signal: options.signal,
    onRound: (round) => running.decide(round),
  });
  return resultOf(report.contenders, running.names, options);
}

/** Those that are still in a race. */
class Running {
  names: ReadonlySet<string>;
  private readonly options: RaceOptions;
  private readonly results: RungResult[];

  constructor(options: RaceOptions, entrants: readonly Entrant[]) {
    this.options = options;
    this.results = [...options.decided];
    this.names = new Set(entrants.map(({ name }) => name));
  }

  /** Drops the worse ones if the round ends at a rung. */
  decide(round: Round): RoundVerdict {
    const { options, results } = this;
    const { schedule, decided, reference, onRung, onRound } = options;
    onRound?.(round);
    const at = schedule.rungs.findIndex(({ events }) => events === round.events);
    if (at < decided.length) return {};
    const [first, ...others] = round.contenders;
    if (first.name !== reference.name || others.length === 0) return { stop: true };
    const result = rungResult(round, schedule.rungs[at], results, options);
    results.push(result);
    onRung(result);
    this.names = new Set(result.placed.filter(({ kept }) => kept).map(({ name }) => name));
    return { drop: result.placed.filter(({ kept }) => !kept).map(({ name }) => name), discard: true };
  }
}

/** @throws HashbrookError why the reference failed, if it did */
function resultOf(
  [first, ...others]: readonly ContenderReport[],
  names: ReadonlySet<string>,
  options: RaceOptions,
): RaceResult {
  if (first.error) throw fromPlainError(first.error);
  const stopped = options.signal?.aborted ?? false;
  const failed = others.flatMap(({ name, error }) => (error ? [{ name, error }] : []));
  const over = stopped || others.every(({ name, error }) => error || !names.has(name));
  const found = over ? { judged: [], reference: undefined as never } : judgement(first, others, names, options);
  return { stopped, failed, ...found };
}

function judgement(
  first: ContenderReport,
  others: readonly ContenderReport[],
  names: ReadonlySet<string>,
  { schedule }: RaceOptions,
) {
  const from = schedule.rungs.at(-1)!.events;
  const window = { from, to: scoredTo(first.scores!) };
  const judged = (one: ContenderReport) => stood(first.scores!, one.scores!, window);
  const finished = others.filter(({ name, report, error }) => names.has(name) && report && !error);
  return {
    judged: finished.map((one) => ({ name: one.name, bytes: one.report!.bytes_total, ...judged(one) })),
    reference: { standing: judged(first), bytes: first.report!.bytes_total, report: first.report! },
  };
}

/** The entrants that the last decided rung let continue. */
function goingOn(entrants: readonly Entrant[], decided: readonly RungResult[]): readonly Entrant[] {
  const last = decided.at(-1);
  if (!last) return entrants;
  const kept = new Set(last.placed.filter((placed) => placed.kept).map(({ name }) => name));
  return entrants.filter(({ name }) => kept.has(name));
}

/** The newest part of what was learned decides, because it shows what a model is like now, not how it began. */
function rungResult(round: Round, rung: Rung, before: readonly RungResult[], options: RaceOptions): RungResult {
  const { entrants, metric } = options;
  const [first, ...others] = round.contenders;
  const to = scoredTo(first.scores);
  const window = { from: Math.floor((to * (1 - (rung.newest ?? HALF))) / BLOCK_EVENTS) * BLOCK_EVENTS, to };
  const standings = others.map(({ name, bytes, evicted, scores }) => {
    return { name, bytes, evicted, ...stood(first.scores, scores, window) };
  });
  const worth = (one: Standing) => (metric === "auc" ? one.auc : -one.logloss);
  const sorted = standings.sort((a, b) => worth(b) - worth(a) || (a.name < b.name ? -1 : 1));
  const scores = new Map(others.map((one) => [one.name, one.scores]));
  const kept = goingFrom(sorted, rung, {
    crowded: new Set(entrants.filter(({ crowded }) => crowded).map(({ name }) => name)),
    full: new Set(before.at(-1)?.placed.flatMap(({ name, evicted = 0 }) => (evicted > 0 ? name : []))),
    behind: (best, other) => errorsBehind(scores.get(best)!, scores.get(other)!, { window, metric }),
  });
  return {
    rung: before.length,
    events: round.events,
    placed: sorted.map((placed) => ({ ...placed, kept: kept.has(placed) })),
    reference: stood(first.scores, first.scores, window),
  };
}

/** By how many standard errors of their difference a model is worse than a better one; 0 if that is not known. */
function errorsBehind(
  better: ScoredStream,
  other: ScoredStream,
  { window, metric }: { readonly window: Window; readonly metric: Metric },
): number {
  const found = stood(better, other, window);
  const [difference, se] =
    metric === "auc" ? [-found.auc_difference, found.auc_se] : [found.logloss_difference, found.logloss_se];
  return se ? difference / se : 0;
}

/** What decides, beside their order, who continues. */
export interface Field {
  /** Names of those whose tables lack room for all ids. */
  readonly crowded: ReadonlySet<string>;
  /** Names of those whose tables were full before: they had to remove rows. */
  readonly full: ReadonlySet<string>;
  /** By how many standard errors another one is worse than the best. */
  readonly behind: (best: string, other: string) => number;
}

/**
 * The best ones. If the very best has crowded tables, the best one without continues as well: a crowded table is as good as
 * a full-size one until it is full, and may then fall behind others that seemed no better. Unless it was full before, and the
 * other is hopelessly worse.
 */
export function goingFrom<T extends { readonly name: string }>(
  sorted: readonly T[],
  { keep, clear }: Pick<Rung, "keep" | "clear">,
  { crowded, full, behind }: Field,
): ReadonlySet<T> {
  const [{ name: best }] = sorted;
  const isClear = (name: string) => clear === true && name !== best && behind(best, name) > CLEARLY;
  const kept = sorted.slice(0, keep).filter(({ name }) => !isClear(name));
  const stable = keep > 1 && crowded.has(best) ? sorted.find(({ name }) => !crowded.has(name)) : undefined;
  if (stable && !(full.has(best) && behind(best, stable.name) > HOPELESSLY)) kept.push(stable);
  return new Set(kept);
}

const stood = (reference: ScoredStream, other: ScoredStream, window: Window) =>
  known(standing(reference, other, window));

/** A window's figures. @throws HashbrookError metric_undefined if it has one class only */
export function known(found: Standing | null): Standing {
  if (found) return found;
  throw new HashbrookError(
    "metric_undefined",
    "a part of the stream has labels of one class only, so its AUC is undefined",
    {
      hint: "use more events, and sort them by time: every part must have both classes",
    },
  );
}

function makeRoom(out: string): void {
  rmSync(out, { recursive: true, force: true });
  nodeFiles.mkdir(dirname(out));
}
