import { oneLine } from "../core/texts.js";
import type { ByReport } from "../train/evaluation/by-value.js";
import { count, figure } from "./progress.js";

type Row = ByReport["bins"][number] | NonNullable<ByReport["rest"]>;

/** Maximum width of a value that is not shortened. */
const WIDEST = 24;

/** The result of `eval --by`, as two tables. */
export function byLines({ field, values, rest, distinct, bins }: ByReport): string[] {
  const calibrated = bins.some((bin) => bin.calibrated !== undefined);
  const head = [
    "events",
    "predicted",
    "actual",
    "p ÷ a",
    ...(calibrated ? ["calibrated"] : []),
    "logloss",
    "NE",
    "AUC",
  ];
  const others = rest ? [row(distinct > values.length ? "(all others)" : "(others)", rest)] : [];
  return [
    `  ${title(`by ${field}`)}${cells(head)}`,
    ...values.map((value) => row(shown(value.value), value)),
    ...others,
    `  ${title("by score")}${cells(head)}`,
    ...bins.map((bin) => row(`${figure(bin.from)} to ${figure(bin.to)}`, bin)),
  ];
}

function row(name: string, of: Row): string {
  const { events, predicted, actual, calibration, calibrated, logloss, normalized_entropy, auc } = of;
  const corrected = calibrated === undefined ? [] : [calibrated];
  const figures = [predicted, actual, calibration, ...corrected, logloss, normalized_entropy, auc].map(figure);
  return `  ${title(name)}${cells([count(events), ...figures])}`;
}

const title = (text: string): string => text.padEnd(WIDEST);
const cells = (texts: readonly string[]): string => texts.map((text) => text.padStart(11)).join("");

/** A value, made to fit on one line. */
function shown(value: string): string {
  const text = value === "" ? "(none)" : oneLine(value);
  return text.length > WIDEST - 2 ? `${text.slice(0, WIDEST - 3)}…` : text;
}
