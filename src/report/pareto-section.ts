import type { CandidateReport, TuneReport } from "../tune/options.js";
import { strategies } from "../tune/strategies/index.js";
import type { Chart, DataTable, Point, Section, Series } from "./content.js";
import { change, size, whole } from "./numbers.js";

/** The name for results of `--pruning`. */
export const PRUNING = "magnitude pruning";

/**
 * Quality against size: each strategy's candidates on their last windows, the pruning baseline, and other sizes of the chosen
 * tables.
 */
export function paretoSection(report: TuneReport): Section {
  const note =
    "Difference of each candidate's AUC from the reference's on the same events, with its paired standard error. Candidates that were eliminated early were compared on fewer events. The dashed line is the Pareto front of those evaluated on later events.";
  const compared = `${note}${report.pruning ? " Magnitude pruning is compared with the same model with all rows, both frozen on the evaluation events." : ""}`;
  const charts = [bytesChart(report), ...timeChart(report)];
  return { id: "pareto", title: "Quality and size", note: compared, charts, tables: [strategyTable(report)] };
}

function bytesChart(report: TuneReport): Chart {
  const { reference, pruning, curve } = report;
  const front = known(report).filter(({ judged, pareto }) => judged && pareto);
  const at = ({ bytes, auc_difference: y, auc_se: se }: TuneReport["curve"][number]): Point => ({ x: bytes, y, se });
  const series: Series[] = [
    ...bySeries(report, ({ bytes }) => bytes),
    ...(pruning ? [points(PRUNING, [{ ...at({ ...pruning, spec: "", us_per_score: null }), name: PRUNING }])] : []),
    points("reference", [{ x: reference.bytes, y: 0 }]),
    ...(curve.length > 0 ? [{ label: "chosen, at other sizes", points: curve.map(at) }] : []),
    ...(front.length > 1 ? [frontOf(front)] : []),
  ];
  const x = { label: "bytes of tables", log: true };
  return { kind: "lines", id: "pareto", title: "AUC over bytes", x, y: Y, series };
}

function timeChart(report: TuneReport): Chart[] {
  const series = bySeries(report, ({ us_per_score }) => us_per_score);
  if (series.length === 0) return [];
  const x = { label: "µs to score an event" };
  return [{ kind: "lines", id: "pareto-time", title: "AUC over time", x, y: Y, series }];
}

const Y = { label: "AUC difference from the reference" };

/** The chosen one, then the others by strategy; judged ones are labelled. */
function bySeries(report: TuneReport, x: (one: CandidateReport) => number | null): Series[] {
  const shown = known(report).filter((one) => x(one) !== null);
  const chosen = (one: CandidateReport) => one.name === report.chosen;
  const point = (one: CandidateReport): Point => ({
    x: x(one)!,
    y: one.auc_difference,
    se: one.auc_se,
    ...(one.judged && { name: one.name }),
  });
  const groups = [
    { label: "chosen", of: shown.filter(chosen) },
    ...grouped(shown.filter((one) => !chosen(one))).map(([label, of]) => ({ label, of })),
  ];
  return groups.filter(({ of }) => of.length > 0).map(({ label, of }) => points(label, of.map(point)));
}

const known = ({ candidates }: TuneReport) =>
  candidates.filter(({ auc_difference, bytes }) => auc_difference !== null && bytes !== null);

const points = (label: string, points: readonly Point[]): Series => ({ label, points, style: "points" });

function frontOf(front: readonly CandidateReport[]): Series {
  const sorted = [...front].sort((a, b) => a.bytes! - b.bytes!);
  const points = sorted.map(({ bytes, auc_difference }) => ({ x: bytes!, y: auc_difference }));
  return { label: "Pareto front", points, style: "dashed" };
}

/** One row per strategy: its candidate that advanced furthest. */
function strategyTable({ candidates, pruning, reference, judged }: TuneReport): DataTable {
  const rows = grouped(candidates).map(([strategy, of]) => {
    const { name, bytes, auc_difference, auc_se, from, to } = of[0];
    return [
      strategy,
      whole(of.length),
      name,
      bytes === null ? "–" : size(bytes),
      ...figures(auc_difference, auc_se, from, to),
    ];
  });
  const { from, to } = judged;
  if (pruning) {
    const { keep, bytes, auc_difference, auc_se } = pruning;
    const made = `the full model with ${(100 * keep).toFixed(1)} % of its rows`;
    rows.push([PRUNING, "1", made, size(bytes), ...figures(auc_difference, auc_se, from, to)]);
  }
  rows.push(["reference", "1", "full tables", size(reference.bytes), ...figures(0, null, from, to)]);
  const heads = ["strategy", "candidates", "best candidate", "bytes", "AUC difference from the reference", "on events"];
  return { heads, rows, numeric: [1, 3, 4, 5] };
}

const figures = (difference: number | null, se: number | null, from: number, to: number): string[] => [
  change(difference, se),
  `${whole(from)} to ${whole(to)}`,
];

/** Candidates by origin, strategies in their own order; settings of a search have no strategy. */
function grouped(candidates: readonly CandidateReport[]): [string, CandidateReport[]][] {
  const made = (strategy: string) => candidates.filter((one) => strategyOf(one) === strategy);
  const names = [...strategies.map(({ name }) => name), ...OTHERS];
  return names.map((name): [string, CandidateReport[]] => [name, made(name)]).filter(([, of]) => of.length > 0);
}

/** Candidates that no strategy proposes. */
const OTHERS = ["full", "as-written", "settings"];

function strategyOf({ name }: CandidateReport): string {
  const strategy = strategies.find((one) => name.startsWith(`${one.name}/`));
  return strategy?.name ?? (OTHERS.includes(name) ? name : "settings");
}
