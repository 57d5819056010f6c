import { readFileSync } from "node:fs";
import { SpecDocument } from "../spec/document.js";
import { Ledger } from "../tune/ledger.js";
import type { PruningReport, TuneReport } from "../tune/options.js";
import { reportOf } from "../tune/report.js";
import { commandsSection, quoted } from "./commands.js";
import type { Chart, ReportData, Section, Series } from "./content.js";
import { lineDiff } from "./diff.js";
import { change, figure, size, whole } from "./numbers.js";
import { PRUNING, paretoSection } from "./pareto-section.js";

/** Ledger rows for which a command to reproduce them is shown. */
const AGAIN = 5;

/** A ledger row of a rung. */
interface RungRow {
  readonly name: string;
  readonly events: number;
  readonly auc_difference: number;
  readonly auc_se: number | null;
}

/**
 * The report of a `tune` ledger: quality against size, how candidates were eliminated, and the ready spec compared with the
 * given one.
 * @throws HashbrookError ledger_damaged, ledger_mismatch
 */
export function tuneReport(directory: string): ReportData {
  const ledger = new Ledger(directory);
  const asked = ledger.of("question")[0]?.question as { readonly model: string; readonly spec: string } | undefined;
  const title = `Tuning of ${asked?.model ?? directory}`;
  const commands = commandsSection(directory);
  if (ledger.of("choice").length === 0) {
    const subtitle = `${ledger.path}: not finished; run the same command to continue`;
    return { title, subtitle, sections: [rungsSection(ledger), ...commands] };
  }
  const report = reportOf(directory, ledger);
  const subtitle = `${whole(report.events)} events · ${report.candidates.length} candidates · ${report.ledger}`;
  const sections = [
    resultSection(report),
    paretoSection(report),
    diffSection(asked?.spec ?? "", report.spec),
    rungsSection(ledger),
    candidatesSection(report),
    profileSection(report),
    ...commands,
    againSection(directory, report),
  ];
  return { title, subtitle, sections };
}

function resultSection(report: TuneReport): Section {
  const { budget, bytes, chosen, reference, judged, cost, auc_difference, auc_se } = report;
  const row = (
    name: string,
    bytes: number,
    of: Pick<TuneReport, "auc" | "logloss" | "normalized_entropy">,
    more: string,
  ) => [name, size(bytes), figure(of.auc), more, figure(of.logloss), figure(of.normalized_entropy)];
  const heads = ["", "bytes of the tables", "AUC", "difference from reference", "logloss", "NE"];
  const rows = [
    row(`chosen: ${chosen}`, bytes, report, change(auc_difference, auc_se)),
    row("reference", reference.bytes, reference, ""),
  ];
  const within = budget === null ? "" : `Budget ${size(budget)}. `;
  const note = `${within}Evaluated on events ${whole(judged.from)} to ${whole(judged.to)}, which come after those used for the choice. All models together learned ${whole(cost.trained_events)} events, ${((100 * cost.trained_events) / cost.exhaustive_events).toFixed(0)} % of an exhaustive comparison over all events. The ready spec: ${report.spec}; its checkpoint: ${report.checkpoint}.`;
  return { id: "result", title: "The ready spec", note, tables: [{ heads, rows }] };
}

function rungsSection(ledger: Ledger): Section {
  const rows = [...ledger.of("rung"), ...ledger.of("judged")] as unknown as RungRow[];
  const names = [...new Set(rows.map(({ name }) => name))].filter((name) => name !== "reference");
  const series = names.map(
    (label): Series => ({
      label,
      points: rows
        .filter(({ name }) => name === label)
        .map(({ events, auc_difference, auc_se }) => ({ x: events, y: auc_difference, se: auc_se })),
    }),
  );
  const chart: Chart = {
    kind: "lines",
    id: "rungs",
    title: "AUC difference from the reference, by events learned",
    x: { label: "events" },
    y: { label: "AUC difference from the reference" },
    series,
  };
  return { id: "rungs", title: "Elimination of candidates", charts: [chart] };
}

function candidatesSection({ candidates, chosen, pruning }: TuneReport): Section {
  const rows = candidates.map((one) => [
    `${one.name}${one.pareto ? " *" : ""}${one.name === chosen ? " (chosen)" : ""}`,
    one.bytes === null ? "–" : size(one.bytes),
    change(one.auc_difference, one.auc_se),
    figure(one.auc),
    figure(one.logloss),
    figure(one.normalized_entropy),
    `${whole(one.from)} to ${whole(one.to)}`,
    one.us_per_score === null ? "–" : one.us_per_score.toFixed(2),
    one.error ?? one.spec,
  ]);
  if (pruning) rows.push(pruningCells(pruning));
  const heads = [
    "candidate",
    "bytes",
    "AUC difference from the reference",
    "AUC",
    "logloss",
    "NE",
    "on events",
    "µs per score",
    "spec",
  ];
  const note = "* on the Pareto front: no other candidate of the same events is better and no larger.";
  return { id: "candidates", title: "Candidates", note, tables: [{ heads, rows, numeric: [1, 2, 3, 4, 5, 6, 7] }] };
}

function pruningCells(pruning: PruningReport): string[] {
  const { keep, bytes, auc, auc_difference, auc_se, logloss, normalized_entropy, from, to } = pruning;
  return [
    PRUNING,
    size(bytes),
    change(auc_difference, auc_se),
    figure(auc),
    figure(logloss),
    figure(normalized_entropy),
    `${whole(from)} to ${whole(to)}`,
    "–",
    `the full model with ${share(keep)} of its rows, compared with itself with all rows`,
  ];
}

function diffSection(before: string, path: string): Section {
  const text = (() => {
    try {
      // Both are formatted alike, so that only real changes differ.
      return lineDiff(new SpecDocument(before).text(), readFileSync(path, "utf8"));
    } catch {
      return `${path} no longer exists`;
    }
  })();
  return { id: "diff", title: "Changes of the ready spec", text };
}

function profileSection({ profile }: TuneReport): Section {
  const rows = profile.fields.map((field) => [
    field.name,
    field.type,
    field.table,
    whole(field.distinct),
    whole(field.once),
    share(field.head),
    share(field.tail),
    share(field.churn),
    field.entropy.toFixed(2),
    `${((100 * field.information) / (profile.label_entropy || 1)).toFixed(2)} %`,
  ]);
  const note = `${whole(profile.events)} events, ${(100 * profile.positive_rate).toFixed(2)} % of them clicked. Head: share of occurrences of the most frequent 20 % of ids; tail: of ids that occurred once or twice; churn: of ids that were new in the second half.`;
  const heads = [
    "field",
    "type",
    "table",
    "distinct ids",
    "occurring once",
    "head",
    "tail",
    "churn",
    "entropy, bits",
    "share of the label's entropy",
  ];
  return {
    id: "profile",
    title: "Profile of the data",
    note,
    tables: [{ heads, rows, numeric: [3, 4, 5, 6, 7, 8, 9] }],
  };
}

const share = (of: number): string => `${(100 * of).toFixed(1)} %`;

function againSection(directory: string, { candidates, spec }: TuneReport): Section {
  const made = candidates.filter(({ row }) => row !== null).slice(0, AGAIN);
  const again = made.map(({ row, name }) => `hashbrook tune --again ${quoted(directory)} ${row}    # ${name}`);
  const text = [`hashbrook train --model ${quoted(spec)} --data FILES --out DIR`, ...again].join("\n");
  return { id: "again", title: "Commands to train it, and to reproduce rows of the ledger", text };
}
