import { rmSync } from "node:fs";
import { candidatesFor } from "./candidates.js";
import type { TuneOptions } from "./options.js";
import type { Profile } from "./profile/profile.js";
import { race } from "./race.js";
import { scoringTimes } from "./scoring-time.js";
import type { Plan, PlannedCandidate, Session } from "./session.js";
import { entrantsOf } from "./tune.js";

/** Multiples of the budget. */
const SIZES = [1 / 8, 1 / 4, 1 / 2, 2, 4];
const MOST = 1000;

/**
 * Trains the chosen proposal at other sizes, on the same events, and appends the results after the choice: the curve of quality
 * against size. Does nothing if the choice is not a strategy's proposal.
 */
export async function trainCurve(session: Session, options: TuneOptions): Promise<void> {
  const { ledger, out, question } = session;
  const [{ plan }] = ledger.of("plan") as unknown as { plan: Plan }[];
  const [{ profile }] = ledger.of("profile") as unknown as { profile: Profile }[];
  const [choice] = ledger.of("choice");
  const sizes = otherSizes(session, plan, profile, choice.name as string);
  if (sizes.length === 0) return;
  const { reference, entrants } = entrantsOf({ ...plan, candidates: sizes.map(({ planned }) => planned) }, out);
  const last = plan.schedule.rungs.at(-1)!;
  const { stopped, judged } = await race({
    reference,
    entrants,
    data: session.events.for([reference, ...entrants].map(({ spec }) => spec)),
    schedule: { ...plan.schedule, rungs: [{ ...last, keep: entrants.length }] },
    metric: question.metric,
    decided: [],
    workers: options.workers,
    signal: options.signal,
    onRung() {},
  });
  if (stopped) options.signal?.throwIfAborted();
  const times = await scoringTimes(
    entrants.filter(({ name }) => judged.some((one) => one.name === name)),
    question.data,
  );
  for (const { out } of [reference, ...entrants]) rmSync(out, { recursive: true, force: true });
  const rows = judged.map(({ bytes: _, ...one }) => {
    const { budget, planned } = sizes.find(({ planned }) => planned.name === one.name)!;
    const { spec, bytes } = planned;
    return { kind: "curve", budget, bytes, spec, ...one, timing: { us_per_score: times[one.name] } };
  });
  ledger.append(...rows, { kind: "curve-end" });
}

/** The chosen proposal at other budgets, if it fits and the full tables are larger. */
function otherSizes(session: Session, plan: Plan, profile: Profile, chosen: string) {
  const full = session.sizing(profile).tables.reduce((sum, { bytes }) => sum + bytes, 0);
  return SIZES.flatMap((size, i): { budget: number; planned: PlannedCandidate }[] => {
    const budget = Math.floor(plan.budget! * size);
    if (budget > full) return [];
    const sizing = { ...session.sizing(profile, budget), most: MOST };
    const same = proposals(sizing).find(({ name }) => name === chosen);
    const name = `${chosen} at ${budget} bytes`;
    return same ? [{ budget, planned: session.keep(900 + i, { ...same, name }) }] : [];
  });
}

function proposals(sizing: Parameters<typeof candidatesFor>[0]) {
  try {
    return candidatesFor(sizing);
  } catch {
    // Nothing fits so few bytes.
    return [];
  }
}
