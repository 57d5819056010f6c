import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { NestedReport, PrefixQuality } from "../train/metrics/prefix-curves.js";
import type { Chart, DataTable, Point, Section, Series } from "./content.js";
import { change, figure, size, whole } from "./numbers.js";

const X = { label: "components", log: true };
const Y = { label: "AUC difference from full vectors" };
const HEADS = [
  "components",
  "bytes of rows",
  "AUC",
  "difference from full vectors",
  "logloss",
  "difference from full vectors",
];

/** The quality of nested vectors at each size, for runs that have them. */
export function nestedSections(directory: string): Section[] {
  const nested = saved(join(directory, "nested.json"));
  if (!nested || nested.events === 0) return [];
  const { events, together, field_events, fields } = nested;
  const all = sizesChart("sizes", "All fields truncated", [{ label: "all fields", points: together.map(pointOf) }]);
  const series = fields.map(({ field, prefixes }) => ({ label: field, points: prefixes.map(pointOf) }));
  const each = sizesChart("sizes-by-field", "One field truncated, the others full", series);
  const charts = field_events > 0 ? [all, each] : [all];
  const note = `Nested vectors truncated to their first components: all fields, on ${whole(events)} events, and each field alone, on ${whole(field_events)}. hashbrook eval --dims and predict --dims score with truncated vectors.`;
  return [{ id: "sizes", title: "Quality by size", note, charts, tables: [sizesTable(together)] }];
}

function sizesChart(id: string, title: string, series: readonly Series[]): Chart {
  return { kind: "lines", id, title, x: X, y: Y, series };
}

function pointOf({ prefix, auc_difference, auc_se }: PrefixQuality): Point {
  return { x: prefix, y: auc_difference, se: auc_se };
}

function sizesTable(sizes: NestedReport["together"]): DataTable {
  const rows = sizes.map((of) => [
    String(of.prefix),
    size(of.bytes),
    figure(of.auc),
    change(of.auc_difference, of.auc_se),
    figure(of.logloss),
    change(of.logloss_difference, of.logloss_se),
  ]);
  return { heads: HEADS, rows, numeric: [0, 1, 2, 3, 4, 5] };
}

function saved(path: string): NestedReport | null {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as NestedReport;
  } catch {
    return null;
  }
}
