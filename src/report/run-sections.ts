import { isHashed } from "../fields/index.js";
import { inspect } from "../inspect/inspect.js";
import type { ProgressiveMetrics } from "../metrics/progressive.js";
import type { Metrics } from "../metrics/result.js";
import type { Quality } from "../train/metrics/report.js";
import type { ValidationState } from "../train/validation/validation.js";
import { calibrationChart, FIGURES, figuresOf } from "./charts.js";
import { commandsSection } from "./commands.js";
import type { Chart, DataTable, Point, ReportData, Section, Series } from "./content.js";
import { explanationSections } from "./explanation-sections.js";
import { nestedSections } from "./nested-sections.js";
import { size, whole } from "./numbers.js";
import { curveOf, openRun, type Run } from "./open-run.js";

/** Points of the calibration plot. */
const POINTS = 20;

/**
 * The report of a training run, from its newest checkpoint.
 * @throws HashbrookError checkpoint_missing, checkpoint_damaged
 */
export async function runReport(directory: string): Promise<ReportData> {
  const run = openRun(directory);
  const { spec, examples, hash, path } = run;
  const sections = [
    qualitySection(run),
    curveSection(run),
    calibrationSection(run),
    ...validationSection(run),
    ...explanationSections(directory, hash),
    ...nestedSections(directory),
    await tablesSection(run),
    fieldsSection(run),
    ...commandsSection(directory),
    { id: "spec", title: "Compiled model spec", text: JSON.stringify(spec, null, 1), folded: true },
  ];
  const subtitle = `${spec.tower.kind} · ${whole(examples)} examples learned · spec ${hash} · ${path}`;
  return { title: spec.name, subtitle, sections };
}

function qualitySection({ metrics, oracle, calibrated, validation }: Run): Section {
  const { fresh, seen } = metrics;
  const row = (name: string, quality: Omit<Quality, "auc_error">) => [
    name,
    whole(quality.examples),
    ...figuresOf(quality),
  ];
  const parts = (name: string, of: ProgressiveMetrics) => [
    row(`${name}whole stream`, of.lifetime()),
    row(`${name}newer half`, of.last(0.5)),
    row(`${name}last tenth`, of.last(0.1)),
  ];
  const newest = validation?.history.at(-1);
  const rows = [
    ...parts("", fresh),
    ...(calibrated ? parts("calibrated: ", calibrated.fresh) : []),
    ...(oracle ? [row("true probabilities", oracle.fresh.lifetime())] : []),
    ...(newest ? [row(`validation, epoch ${newest.epoch}`, newest)] : []),
    ...(seen ? [row("later epochs (events seen before)", seen.lifetime())] : []),
  ];
  const note =
    "Every event was scored before it was first learned. NE: logloss ÷ logloss of always predicting the click rate; below 1 is better. Calibration: predicted ÷ actual clicks. Events seen in an earlier epoch show memorization, not quality.";
  return {
    id: "quality",
    title: "Quality",
    note,
    tables: [{ heads: ["", "events", ...FIGURES.map(({ name }) => name)], rows }],
  };
}

/** The stream's figures by windows, or by equal parts if there are few windows. */
function curveSection({ metrics, oracle, validation, spec }: Run): Section {
  const { fresh, seen } = metrics;
  const { byWindow, parts } = curveOf(fresh);
  const line = (label: string, points: readonly Metrics[], key: keyof Quality, style?: Series["style"]): Series[] => {
    const shown = points.map((metrics): Point => ({ x: metrics.to, y: metrics[key as "auc"] }));
    return points.length > 0 ? [{ label, points: shown, ...(style && { style }) }] : [];
  };
  const charts = FIGURES.map(({ key, name }): Chart => {
    const series = [
      ...line("before learning (progressive)", parts, key),
      ...(oracle ? line("true probabilities", curveOf(oracle.fresh).parts, key, "dashed") : []),
      ...(seen
        ? line(
            "later epochs (seen before)",
            seen.curve().map((part) => after(part, fresh)),
            key,
            "dashed",
          )
        : []),
      ...validated(validation, key),
    ];
    return {
      kind: "lines",
      id: `curve-${key.replaceAll("_", "-")}`,
      title: name,
      x: { label: "events" },
      y: { label: name },
      series,
    };
  });
  const of = byWindow ? `windows of ${whole(spec.window)} events` : "equal parts of the stream";
  const complete = byWindow || parts.every(({ auc }) => auc !== null);
  const note = `Figures of ${of}, each event scored before it was learned.${complete ? "" : " The AUC of older parts is not stored."}`;
  return { id: "curves", title: "Learning curves", note, charts };
}

/** Events seen before are placed after the first pass. */
const after = (part: Metrics, fresh: ProgressiveMetrics): Metrics => ({ ...part, to: part.to + fresh.lifetime().to });

function validated(validation: ValidationState | null, key: keyof Quality): Series[] {
  if (!validation || validation.history.length === 0) return [];
  const points = validation.history.map((epoch): Point => ({ x: epoch.learned, y: epoch[key] }));
  return [{ label: "validation", points }];
}

function calibrationSection({ metrics, calibrated }: Run): Section {
  const raw = metrics.fresh.reliability(POINTS);
  const corrected = calibrated?.fresh.reliability(POINTS);
  const chart = calibrationChart("calibration", [
    { label: corrected ? "raw" : "predicted", points: raw },
    ...(corrected ? [{ label: "calibrated", points: corrected }] : []),
  ]);
  const note =
    "Predicted probability and actual click rate, in bins of about equal weight: perfect calibration lies on the dashed line.";
  return { id: "calibration", title: "Calibration", note, charts: [chart] };
}

function validationSection({ validation }: Run): Section[] {
  if (!validation || validation.history.length === 0) return [];
  const { best, history } = validation;
  const rows = history.map((epoch) => [
    epoch.epoch === best?.epoch ? `${epoch.epoch} (best)` : String(epoch.epoch),
    whole(epoch.learned),
    whole(epoch.examples),
    ...figuresOf(epoch),
  ]);
  const heads = ["epoch", "learned", "events", ...FIGURES.map(({ name }) => name)];
  const note = "Events that are scored after each pass over the data and never learned.";
  return [{ id: "validation", title: "Validation", note, tables: [{ heads, rows }] }];
}

async function tablesSection({ directory }: Run): Promise<Section> {
  const { tables, bytes } = await inspect({ checkpoint: directory, top: 0 });
  const rows = tables.map(({ name, encoding, optimizer, dim, rows, capacity, fill, bytes, fields }) => [
    name,
    encoding,
    optimizer,
    String(dim),
    whole(rows),
    capacity > 0 ? `${whole(capacity)} (${(100 * fill).toFixed(1)} % full)` : "–",
    size(bytes),
    fields.join(", "),
  ]);
  const heads = ["table", "encoding", "optimizer", "dim", "rows", "capacity", "bytes", "fields"];
  const total = tables.reduce((sum, table) => sum + table.bytes, 0);
  const note = `${size(total)} for index and rows, including the optimizer's state; the checkpoint has ${size(bytes)}.`;
  return { id: "tables", title: "Tables", note, tables: [{ heads, rows, numeric: [3, 4, 5, 6] }] };
}

function fieldsSection({ spec, distinct }: Run): Section {
  const rows = spec.fields.map((field, i) => [
    field.name,
    field.type,
    isHashed(field) ? whole(distinct.estimate(i)) : "–",
    spec.tables
      .flatMap(({ name, cells }) => (cells.some((cell) => cell.field === field.name) ? [name] : []))
      .join(", "),
  ]);
  const table: DataTable = { heads: ["field", "type", "distinct values", "tables"], rows, numeric: [2] };
  return {
    id: "fields",
    title: "Fields",
    note: "Distinct values are estimates with a standard error of 1.6 %.",
    tables: [table],
  };
}
