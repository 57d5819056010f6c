import { join } from "node:path";
import type { Ledger, LedgerRow } from "./ledger.js";
import type { CandidateReport, CurvePoint, PruningReport, TuneReport } from "./options.js";
import type { Profile } from "./profile/profile.js";
import { trainedEvents } from "./schedule.js";
import type { Plan, PlannedCandidate } from "./session.js";
import type { Standing, Window } from "./windows.js";

/** The report of a ledger that has a choice. */
export function reportOf(out: string, ledger: Ledger): TuneReport {
  const [{ plan }] = ledger.of("plan") as unknown as { plan: Plan }[];
  const [{ profile }] = ledger.of("profile") as unknown as { profile: Profile }[];
  const [choice] = ledger.of("choice");
  const last = lastRows(ledger);
  const judged = last.get(choice.name as string)! as LedgerRow & Standing;
  const reference = last.get("reference")! as LedgerRow & Standing & { bytes: number };
  const chosen = plan.candidates.find(({ name }) => name === choice.name)!;
  const { auc, logloss, normalized_entropy, auc_difference, auc_se } = judged;
  const failures = new Map(ledger.of("failed").map((row) => [row.name as string, row.error as { message: string }]));
  const candidates = plan.candidates.map((one) =>
    candidateReport(out, one, last.get(one.name), failures.get(one.name)),
  );
  const { schedule } = plan;
  return {
    budget: plan.budget,
    bytes: chosen.bytes ?? (judged.bytes as number),
    spec: join(out, choice.spec as string),
    chosen: chosen.name,
    checkpoint: join(out, choice.checkpoint as string),
    auc,
    logloss,
    normalized_entropy,
    auc_difference,
    auc_se,
    reference: { ...quality(reference), bytes: reference.bytes, spec: join(out, plan.reference.spec) },
    candidates: ranked(withPareto(candidates), chosen.name, ledger),
    curve: curveOf(out, ledger, judged, chosen),
    pruning: pruningOf(ledger),
    events: schedule.events,
    judged: { from: judged.from, to: judged.to },
    cost: {
      trained_events: trainedEvents(schedule, candidates.length, keptOf(ledger, schedule)),
      exhaustive_events: (candidates.length + 1) * schedule.events,
    },
    profile,
    ledger: ledger.path,
  };
}

/** By rung, how many candidates continued. */
function keptOf(ledger: Ledger, { rungs }: Plan["schedule"]): number[] {
  const kept = ledger.of("rung").filter((row) => row.kept && row.name !== "reference");
  return rungs.map((_, i) => kept.filter(({ rung }) => rung === i).length);
}

const quality = ({ auc, logloss, normalized_entropy }: Omit<Standing, keyof Window>) => ({
  auc,
  logloss,
  normalized_entropy,
});

/** The chosen spec at several sizes; nothing if these were not requested. */
function curveOf(out: string, ledger: Ledger, judged: LedgerRow & Standing, chosen: PlannedCandidate): CurvePoint[] {
  const others = ledger.of("curve") as unknown as (LedgerRow & CurvePoint)[];
  if (others.length === 0) return [];
  const own = { ...judged, bytes: chosen.bytes!, spec: chosen.spec };
  return [...others, own]
    .map(({ bytes, spec, timing, from, to, ...row }) => ({
      bytes,
      spec: join(out, spec),
      from,
      to,
      ...quality(row),
      auc_difference: row.auc_difference,
      auc_se: row.auc_se,
      logloss_difference: row.logloss_difference,
      logloss_se: row.logloss_se,
      us_per_score: timing?.us_per_score ?? null,
    }))
    .sort((a, b) => a.bytes - b.bytes);
}

function pruningOf(ledger: Ledger): PruningReport | null {
  const [found] = ledger.of("pruned");
  if (!found) return null;
  const { row: _, kind: __, timing: ___, ...report } = found;
  return report as unknown as PruningReport;
}

/** The newest row with figures for every model. */
function lastRows(ledger: Ledger): Map<string, LedgerRow> {
  const rows = [...ledger.of("rung"), ...ledger.of("judged")];
  return new Map(rows.map((row) => [row.name as string, row]));
}

function candidateReport(
  out: string,
  { name, spec, bytes }: PlannedCandidate,
  row: LedgerRow | undefined,
  failure: { readonly message: string } | undefined,
): CandidateReport {
  const { auc, logloss, normalized_entropy, auc_difference, auc_se, from, to } = (row ?? {}) as Partial<Standing>;
  return {
    name,
    spec: join(out, spec),
    bytes,
    auc: auc ?? null,
    auc_se: auc_se ?? null,
    auc_difference: auc_difference ?? null,
    logloss: logloss ?? null,
    normalized_entropy: normalized_entropy ?? null,
    from: from ?? 0,
    to: to ?? 0,
    judged: row?.kind === "judged",
    pareto: false,
    seconds: row?.timing?.seconds ?? null,
    us_per_score: row?.timing?.us_per_score ?? null,
    error: failure?.message ?? null,
    row: row?.row ?? null,
  };
}

/** Marks those that no other candidate of the same window beats in both AUC and bytes. */
function withPareto(candidates: readonly CandidateReport[]): CandidateReport[] {
  const size = ({ bytes }: CandidateReport) => bytes ?? Number.POSITIVE_INFINITY;
  const beats = (one: CandidateReport, other: CandidateReport) =>
    one.to === other.to &&
    one.from === other.from &&
    one.auc! >= other.auc! &&
    size(one) <= size(other) &&
    (one.auc! > other.auc! || size(one) < size(other));
  return candidates.map((one) => ({
    ...one,
    pareto: one.auc !== null && !candidates.some((other) => other.auc !== null && beats(other, one)),
  }));
}

/** The chosen one first, then by how far they advanced and their result there. */
function ranked(candidates: readonly CandidateReport[], chosen: string, ledger: Ledger): CandidateReport[] {
  const order = new Map([...ledger.of("rung")].map((row) => [row.name as string, row.row]));
  const stage = new Map([...ledger.of("rung")].map((row) => [row.name as string, row.rung as number]));
  const rank = ({ name }: CandidateReport) => [
    name === chosen ? 0 : 1,
    -(stage.get(name) ?? -1),
    order.get(name) ?? Number.POSITIVE_INFINITY,
  ];
  return [...candidates].sort((a, b) => {
    const x = rank(a);
    const y = rank(b);
    const at = x.findIndex((value, i) => value !== y[i]);
    return at < 0 ? 0 : x[at] - y[at];
  });
}
