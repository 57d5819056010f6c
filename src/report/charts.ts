import type { ReliabilityPoint } from "../metrics/reliability.js";
import type { Quality } from "../train/metrics/report.js";
import type { Chart, Series } from "./content.js";
import { figure } from "./numbers.js";

/** The figures in tables and curves, in order. */
export const FIGURES = [
  { key: "logloss", name: "logloss" },
  { key: "auc", name: "AUC" },
  { key: "normalized_entropy", name: "NE" },
  { key: "calibration", name: "predicted ÷ actual" },
] as const;

/** Cells of a table. */
export const figuresOf = (quality: Pick<Quality, (typeof FIGURES)[number]["key"]>): string[] =>
  FIGURES.map(({ key }) => figure(quality[key]));

interface Reliability {
  readonly label: string;
  readonly points: readonly ReliabilityPoint[];
}

/** Actual over predicted rates, with the diagonal of perfect calibration. */
export function calibrationChart(id: string, of: readonly Reliability[]): Chart {
  const series = of.map(
    ({ label, points }): Series => ({
      label,
      points: points.map(({ predicted, actual }) => ({ x: predicted, y: actual })),
    }),
  );
  const ends = of.flatMap(({ points }) => points.flatMap(({ predicted, actual }) => [predicted, actual]));
  const most = ends.length > 0 ? Math.max(...ends) : 1;
  const right = [0, most].map((x) => ({ x, y: x }));
  return {
    kind: "lines",
    id,
    title: "Predicted and actual probability of a click",
    x: { label: "predicted" },
    y: { label: "actual" },
    series: [...series, { label: "perfect", points: right, style: "dashed" }],
  };
}
