import { grouped } from "../core/digits.js";
import type { AgainReport } from "../tune/again.js";
import type { CandidateReport, TuneReport } from "../tune/options.js";
import type { FieldProfile, Profile } from "../tune/profile/profile.js";
import { figure } from "./progress.js";

/** Number of candidates shown. */
const SHOWN = 12;

/** A stream's profile as text. */
export function profileText({ events, rejected, positive_rate, label_entropy, fields }: Profile): string {
  const head = `${number(events)} events${rejected > 0 ? `, ${number(rejected)} rejected` : ""}, ${percent(positive_rate)} positive (a label has ${label_entropy.toFixed(3)} bits)`;
  const heads = ["field", "table", "ids", "once", "head 20 %", "tail", "new, late", "entropy", "tells"];
  const rows = [...fields].sort((a, b) => b.information - a.information).map(fieldCells);
  return [head, ...table([heads, ...rows]).map((line) => `  ${line}`), ...NOTES].join("\n");
}

const NOTES = [
  "  once: ids seen once; head: occurrences of the most frequent fifth of ids; tail: of ids seen once or twice; new: late events with an id never",
  "  seen before; entropy: bits of an id; tells: bits about the label, given an id's earlier events",
];

function fieldCells(field: FieldProfile): string[] {
  const { name, table, distinct, once, head, tail, churn, entropy, information, sampled } = field;
  const ids = `${sampled > 1 ? "~" : ""}${number(distinct)}`;
  const shares = [distinct > 0 ? once / distinct : 0, head, tail, churn].map(percent);
  return [name, table, ids, ...shares, entropy.toFixed(2), information.toFixed(5)];
}

/** The result of tuning as text. */
export function tuneText(report: TuneReport): string {
  const { budget, bytes, chosen, auc, logloss, normalized_entropy, reference, judged, candidates, cost } = report;
  const shown = candidates.slice(0, SHOWN);
  const lines = [
    `chosen: ${chosen}, ${number(bytes)} bytes of tables${budget === null ? "" : ` (budget ${number(budget)})`}`,
    `  on the ${number(judged.to - judged.from)} events after the choice: AUC ${figure(auc)}, logloss ${figure(logloss)}, NE ${figure(normalized_entropy)}`,
    `  reference: AUC ${figure(reference.auc)}, ${number(reference.bytes)} bytes; difference ${points(report.auc_difference)}${report.auc_se === null ? "" : ` ± ${(report.auc_se * 100).toFixed(2)}`} points of AUC`,
    "",
    ...table([HEADS, ...shown.map(candidateCells)]).map((line) => `  ${line}`),
    ...(candidates.length > SHOWN ? [`  and ${candidates.length - SHOWN} more in ${report.ledger}`] : []),
    "  * Pareto-optimal: no other candidate of the same window is both better and as small; † evaluated on later events",
    ...pruningLines(report),
    ...curveLines(report),
    "",
    `all models together learned ${number(cost.trained_events)} events (${percent(cost.trained_events / cost.exhaustive_events)} of training every one on all events)`,
    `ready spec   ${report.spec}`,
    `checkpoint   ${report.checkpoint}`,
    `ledger       ${report.ledger}`,
    "",
    "next:",
    `  hashbrook serve --checkpoint ${report.checkpoint}`,
    `  hashbrook train --model ${report.spec} --data FILES --out runs/NAME`,
  ];
  return lines.join("\n");
}

/** Magnitude pruning, the baseline for every strategy. */
function pruningLines({ pruning }: TuneReport): string[] {
  if (!pruning) return [];
  const { keep, bytes, auc, auc_difference, auc_se } = pruning;
  const se = auc_se === null ? "" : ` ± ${(auc_se * 100).toFixed(2)}`;
  return [
    "",
    `magnitude pruning of the full model, trained until the choice: ${percent(keep)} of its rows, ${number(bytes)} bytes: AUC ${figure(auc)},`,
    `  ${points(auc_difference)}${se} points of AUC compared with all rows, both frozen`,
  ];
}

/** The curve of the chosen tables. */
function curveLines({ curve, reference }: TuneReport): string[] {
  if (curve.length === 0) return [];
  const cells = curve.map(({ bytes, auc, auc_difference, auc_se, logloss, normalized_entropy, us_per_score }) => [
    number(bytes),
    percent(bytes / reference.bytes),
    figure(auc),
    `${points(auc_difference)}${auc_se === null ? "" : ` ± ${(auc_se * 100).toFixed(2)}`}`,
    figure(logloss),
    figure(normalized_entropy),
    us_per_score === null ? "–" : us_per_score.toFixed(1),
  ]);
  const heads = ["bytes", "of full", "AUC", "vs reference", "logloss", "NE", "us/score"];
  return [
    "",
    "the chosen tables at other sizes, evaluated on the same events:",
    ...table([heads, ...cells]).map((line) => `  ${line}`),
  ];
}

const HEADS = ["candidate", "bytes", "AUC", "vs reference", "logloss", "NE", "us/score", "events", "row"];

function candidateCells(one: CandidateReport): string[] {
  const difference = one.auc_difference === null ? "–" : points(one.auc_difference);
  const se = one.auc_se === null ? "" : ` ± ${(one.auc_se * 100).toFixed(2)}`;
  return [
    `${one.name}${one.pareto ? " *" : ""}${one.judged ? " †" : ""}`,
    one.bytes === null ? "–" : number(one.bytes),
    figure(one.auc),
    `${difference}${se}`,
    figure(one.logloss),
    figure(one.normalized_entropy),
    one.us_per_score === null ? "–" : one.us_per_score.toFixed(1),
    `${number(one.from)}..${number(one.to)}`,
    one.row === null ? "–" : String(one.row),
  ];
}

/** A reproduced row of the ledger as text. */
export function againText({ row, name, then, now, same }: AgainReport): string {
  const metrics = ({ auc, logloss }: AgainReport["now"]) => `AUC ${auc}, logloss ${logloss}`;
  return [
    `row ${row}, ${name}, events ${number(then.from)} to ${number(then.to)}`,
    `  then: ${metrics(then)}`,
    `  now:  ${metrics(now)}`,
    same ? "identical to the last digit" : "different: check that the version and the data are the same",
  ].join("\n");
}

/** Aligned columns: the first one left, all others right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  return rows.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join("  "),
  );
}

const number = (x: number): string => grouped(Math.round(x));
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
/** Hundredths of AUC, with a sign. */
const points = (x: number): string => `${x >= 0 ? "+" : ""}${(x * 100).toFixed(2)}`;
