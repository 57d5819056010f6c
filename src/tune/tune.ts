import { rmSync } from "node:fs";
import { join } from "node:path";
import { checkArguments, following } from "../core/arguments.js";
import { systemClock } from "../core/clock.js";
import { fromPlainError, HashbrookError } from "../core/errors.js";
import { packageVersion } from "../serve/package-version.js";
import { parseSpec } from "../spec/parse.js";
import type { Round } from "../train/together/options.js";
import type { NewRow } from "./ledger.js";
import type { TuneOptions, TuneReport } from "./options.js";
import type { Profile } from "./profile/profile.js";
import { type ProfileProgress, readProfile } from "./profile/read.js";
import { fingerprintsOf, specText } from "./question.js";
import { type Entrant, type RaceOptions, type RaceResult, type RungResult, race } from "./race.js";
import { readySpec } from "./ready.js";
import { reportOf } from "./report.js";
import { scoringTimes } from "./scoring-time.js";
import { type Plan, Session } from "./session.js";
import { isCrowded } from "./tables.js";
import { eventsWithin } from "./time-limit.js";

/**
 * Finds, for a budget of bytes, the tables that lose least: profiles the stream, proposes specs within the budget, trains them
 * side by side, eliminates the worse ones, and judges the best one on events later than those it was chosen by. Everything is
 * recorded in a ledger; the same call continues an interrupted one.
 * @throws HashbrookError usage, spec_invalid, budget_too_small, metric_undefined, time_too_short, ledger_mismatch,
 * ledger_damaged; request_aborted when stopped; what training throws
 */
export async function tune(options: TuneOptions): Promise<TuneReport> {
  checkArguments("tune", options, { model: "path", data: "files", out: "?path", workers: "?count", ...following });
  const session = await Session.open(options, { hashbrook: packageVersion() });
  const { ledger } = session;
  try {
    const sized = session.question.budget !== null && session.question.set.length === 0;
    const pruning = options.pruning && sized ? await import("./pruning.js") : null;
    pruning?.refuseUnprunable(session);
    if (ledger.of("choice").length === 0) await stoppable(session, options, () => compare(session, options));
    if (pruning && ledger.of("pruned").length === 0)
      await stoppable(session, options, () => pruning.tryPruning(session, options));
    if (options.curve && sized && ledger.of("curve-end").length === 0)
      await stoppable(session, options, async () => (await import("./curve.js")).trainCurve(session, options));
  } finally {
    // When stopped, it continues from there.
    if (!options.signal?.aborted) session.events.remove();
  }
  return reportOf(session.out, ledger);
}

/** The profile of a stream for a spec. @throws as `tune` before it trains */
export async function profileOf(options: ProfileOfOptions): Promise<Profile> {
  checkArguments("profileOf", options, { model: "path", data: "files", limit: "?count", ...following });
  const data = typeof options.data === "string" ? [options.data] : options.data;
  await fingerprintsOf(data);
  const spec = parseSpec(specText(options.model), options.model);
  const onProgress = (progress: ProfileProgress) => options.onProgress?.({ stage: "profile", ...progress });
  return readProfile(spec, { data, limit: options.limit, signal: options.signal, onProgress });
}

/** What to look at. */
export type ProfileOfOptions = Pick<TuneOptions, "model" | "data" | "limit" | "signal" | "onProgress">;

async function compare(session: Session, options: TuneOptions): Promise<void> {
  const { question, out } = session;
  if (question.limit === null && !question.rates) await session.events.decode(options);
  const profile = await session.profile();
  options.onProgress?.({ stage: "profiled", profile });
  const plan = await planned(session, profile, options);
  const { reference, entrants } = entrantsOf(plan, out);
  const began = systemClock.now();
  const seconds = () => (systemClock.now() - began) / 1000;
  const result = await race({
    reference,
    entrants: entrants.map((one) => ({ ...one, crowded: isCrowded(one.spec, profile) })),
    data: session.events.for([reference, ...entrants].map(({ spec }) => spec)),
    schedule: plan.schedule,
    metric: question.metric,
    decided: rungsOf(session, plan),
    workers: options.workers,
    signal: options.signal,
    ...recorded(session, plan, options, seconds),
  });
  if (result.stopped) options.signal?.throwIfAborted();
  await choose(session, { plan, models: { reference, entrants }, result, seconds: seconds() });
}

/** Writes a race's rungs to the ledger, and shows how far it is. @param seconds how long it has taken */
function recorded(
  { ledger }: Session,
  { schedule }: Plan,
  { onProgress }: TuneOptions,
  seconds: () => number,
): Pick<RaceOptions, "onRung" | "onRound"> {
  return {
    onRung(rung) {
      ledger.append(...rungRows(rung, seconds()));
      const left = rung.placed.filter(({ kept }) => kept).length;
      onProgress?.({ stage: "rung", events: rung.events, kept: left, left: rung.placed.length - left });
    },
    onRound({ events, contenders: [_, ...others] }) {
      const done = events / schedule.events;
      const leader = leaderOf(others);
      onProgress?.({ stage: "train", done, seconds: seconds(), candidates: others.length, leader });
    },
  };
}

/** The one with the highest AUC so far; of equals the first; null if there is none. */
function leaderOf(contenders: Round["contenders"]): { readonly name: string; readonly auc: number | null } | null {
  const all = contenders.map(({ name, metrics }) => ({ name, auc: metrics.auc }));
  return all.reduce<(typeof all)[number] | null>(
    (best, one) => (best && (best.auc ?? 0) >= (one.auc ?? 0) ? best : one),
    null,
  );
}

/** What was learned before a stop is kept, and the error says how to continue. */
async function stoppable({ ledger }: Session, { signal }: TuneOptions, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!signal?.aborted) throw error;
    throw new HashbrookError("request_aborted", "interrupted before all candidates were compared", {
      hint: `results so far are in ${ledger.path}: run the same command to continue`,
      cause: error,
    });
  }
}

async function planned(session: Session, profile: Parameters<Session["plan"]>[0], options: TuneOptions): Promise<Plan> {
  const events = session.eventsOf(profile);
  if (options.time === undefined || session.ledger.of("plan").length > 0) return session.plan(profile, events);
  const made = session.make(profile);
  const within = await eventsWithin(options.time, events, made, session, options);
  return session.plan(profile, within, made);
}

/** The models of a plan, as stored on disk. */
export function entrantsOf(plan: Plan, out: string): { reference: Entrant; entrants: Entrant[] } {
  const entrant = ({ name, spec }: Plan["reference"]): Entrant => ({
    name,
    spec: parseSpec(specText(join(out, spec)), spec),
    out: join(out, "models", spec.replace(/^specs.|\.yaml$/g, "")),
  });
  return { reference: entrant(plan.reference), entrants: plan.candidates.map(entrant) };
}

/** A rung's rows: one per candidate, the best first, and the reference's. */
function rungRows({ rung, events, placed, reference }: RungResult, seconds: number) {
  const timing = { seconds: rounded(seconds) };
  const of = placed.length;
  return [
    { kind: "rung", name: "reference", rung, events, of, ...reference, kept: true, timing },
    ...placed.map((one) => ({ kind: "rung", rung, events, of, ...one, timing })),
  ];
}

const rounded = (seconds: number): number => Number(seconds.toFixed(3));

/**
 * The rungs whose rows are complete. Rows of one that a crash cut short are dropped, as are those without candidates, which
 * earlier versions wrote if all had failed: they are trained again, and fail with their reasons.
 */
function rungsOf({ ledger }: Session, { schedule }: Plan): RungResult[] {
  const decided: RungResult[] = [];
  for (let rung = 0; rung < schedule.rungs.length; rung++) {
    const rows = ledger.of("rung").filter((row) => row.rung === rung);
    if (rows.length === 0 || rows[0].of === 0 || rows.length < (rows[0].of as number) + 1) {
      if (rows.length > 0) ledger.truncate(rows[0].row);
      break;
    }
    const [reference, ...placed] = rows as unknown as RungResult["placed"];
    decided.push({ rung, events: schedule.rungs[rung].events, placed, reference });
  }
  return decided;
}

interface Raced {
  readonly plan: Plan;
  readonly models: ReturnType<typeof entrantsOf>;
  readonly result: RaceResult;
  readonly seconds: number;
}

/** Why there is no result: the chosen one failed later, or all have failed. */
function failureOf({ failed }: RaceResult, chosen: string | undefined): HashbrookError {
  const { name, error } = failed.find((one) => one.name === chosen) ?? failed[0];
  const what = name === chosen ? `${name} was chosen, but then failed` : name;
  return fromPlainError({ ...error, message: `${what}: ${error.message}` });
}

/** The best of the last rung, whatever later events say about it. */
async function choose(session: Session, raced: Raced): Promise<void> {
  const { plan, models, result } = raced;
  const { ledger, out } = session;
  const [chosen] = rungsOf(session, plan).at(-1)?.placed ?? [];
  const judged = result.judged.find(({ name }) => name === chosen?.name);
  if (!judged) throw failureOf(result, chosen?.name);
  const rows = await judgedRows(session, raced);
  const planned = plan.candidates.find(({ name }) => name === chosen.name)!;
  const spec = readySpec(session, plan, planned, judged, result.reference.standing);
  const [winner] = models.entrants.filter(({ name }) => name === chosen.name);
  for (const { out } of [models.reference, ...models.entrants])
    if (out !== winner.out) rmSync(out, { recursive: true, force: true });
  const checkpoint = winner.out.slice(out.length + 1);
  ledger.append(...rows, { kind: "choice", name: chosen.name, spec, checkpoint });
}

/** What became of all that were not eliminated: why they failed, or their results on the latest events. */
async function judgedRows(session: Session, { plan, models, result, seconds }: Raced): Promise<NewRow[]> {
  const { failed, judged, reference } = result;
  const { events } = plan.schedule;
  const names = new Set(judged.map(({ name }) => name));
  const finalists = [models.reference, ...models.entrants.filter(({ name }) => names.has(name))];
  const times = await scoringTimes(finalists, session.question.data);
  const timing = (name: string) => ({ seconds: rounded(seconds), us_per_score: times[name] ?? null });
  const known = { name: "reference", bytes: reference.bytes, events, ...reference.standing };
  return [
    ...failed.map(({ name, error: { code, message } }) => ({ kind: "failed", name, error: { code, message } })),
    { kind: "judged", ...known, timing: timing("reference") },
    ...judged.map((one) => ({ kind: "judged", events, ...one, timing: timing(one.name) })),
  ];
}
