import { join } from "node:path";
import { inspect } from "../inspect/inspect.js";
import type { Metrics } from "../metrics/result.js";
import { FIGURES, figuresOf } from "./charts.js";
import { commandsSection } from "./commands.js";
import type { Chart, Point, ReportData, Section, Series } from "./content.js";
import { change, size, whole } from "./numbers.js";
import { curveOf, openRun, type Run } from "./open-run.js";

/** A difference up to some event. */
interface Difference {
  readonly to: number;
  readonly mean: number;
  readonly se: number | null;
}

/**
 * The comparison of models that learned from one stream, each in its own directory.
 * @param names the reference first
 * @throws HashbrookError checkpoint_missing, checkpoint_damaged
 */
export async function togetherReport(directory: string, names: readonly string[]): Promise<ReportData> {
  const runs = names.map((name) => ({ name, run: openRun(join(directory, name)) }));
  const [{ name: reference }] = runs;
  const sections = [
    await standingsSection(directory, runs),
    pairedSection(runs),
    curvesSection(runs),
    ...commandsSection(directory),
  ];
  const examples = whole(Math.max(...runs.map(({ run }) => run.examples)));
  return {
    title: names.join(", "),
    subtitle: `${names.length} models compared · ${examples} examples · reference ${reference}`,
    sections,
  };
}

interface Named {
  readonly name: string;
  readonly run: Run;
}

async function standingsSection(directory: string, runs: readonly Named[]): Promise<Section> {
  const rows: string[][] = [];
  for (const { name, run } of runs) {
    const { fresh } = run.metrics;
    const { tables } = await inspect({ checkpoint: join(directory, name), top: 0 });
    const bytes = tables.reduce((sum, table) => sum + table.bytes, 0);
    const newest = differences(runs[0].run, run).at(-1);
    const paired = name === runs[0].name || !newest ? "reference" : change(newest.mean, newest.se);
    rows.push([name, run.spec.tower.kind, whole(run.examples), size(bytes), ...figuresOf(fresh.lifetime()), paired]);
  }
  const heads = [
    "model",
    "tower",
    "examples",
    "bytes of tables",
    ...FIGURES.map(({ name }) => name),
    "logloss difference from the reference",
  ];
  const note =
    "Figures of the whole stream, each event scored before it was learned. A difference below 0 means better than the reference.";
  return { id: "standings", title: "Standings", note, tables: [{ heads, rows, numeric: [2, 3, 4, 5, 6, 7, 8] }] };
}

function pairedSection([{ run: reference }, ...others]: readonly Named[]): Section {
  const series = others.map(
    ({ name, run }): Series => ({
      label: name,
      points: differences(reference, run).map(({ to, mean, se }): Point => ({ x: to, y: mean, se })),
    }),
  );
  const chart: Chart = {
    kind: "lines",
    id: "together",
    title: "Logloss difference from the reference, over all events so far",
    x: { label: "events" },
    y: { label: "logloss difference" },
    series,
  };
  const note =
    "Paired differences by part of the stream, with the standard error of their mean, since neighbouring events are correlated. Below 0 means better than the reference.";
  return { id: "together", title: "Paired comparison over time", note, charts: [chart] };
}

function curvesSection(runs: readonly Named[]): Section {
  const charts = FIGURES.map(({ key, name: title }): Chart => {
    const series = runs.map(
      ({ name, run }): Series => ({
        label: name,
        style: "line",
        points: curveOf(run.metrics.fresh).parts.map((part) => ({ x: part.to, y: part[key] })),
      }),
    );
    return {
      kind: "lines",
      id: `curve-${key.replaceAll("_", "-")}`,
      title,
      x: { label: "events" },
      y: { label: title },
      series,
    };
  });
  return { id: "curves", title: "Learning curves", charts };
}

/** A model's mean logloss minus the reference's, up to the end of each part of the stream that both have learned. */
function differences(reference: Run, other: Run): Difference[] {
  const parts = curveOf(reference.metrics.fresh).parts;
  const same = new Map(curveOf(other.metrics.fresh).parts.map((part) => [`${part.from} ${part.to}`, part]));
  const pairs = parts.flatMap((part): [Metrics, Metrics][] => {
    const beside = same.get(`${part.from} ${part.to}`);
    return beside && part.logloss !== null && beside.logloss !== null ? [[part, beside]] : [];
  });
  return pairs.map((_, i) => differenceOf(pairs.slice(0, i + 1)));
}

function differenceOf(pairs: readonly (readonly [Metrics, Metrics])[]): Difference {
  const each = pairs.map(([one, other]) => ({ weight: one.examples, difference: other.logloss! - one.logloss! }));
  const total = each.reduce((sum, { weight }) => sum + weight, 0);
  const mean = each.reduce((sum, { weight, difference }) => sum + weight * difference, 0) / total;
  const squares = each.reduce((sum, { weight, difference }) => sum + (weight * (difference - mean)) ** 2, 0);
  const n = each.length;
  const se = n < 3 ? null : Math.sqrt((squares * n) / (n - 1)) / total;
  return { to: pairs.at(-1)![0].to, mean, se };
}
