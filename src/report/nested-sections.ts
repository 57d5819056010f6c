import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { NestedReport, PrefixQuality } from "../train/metrics/prefix-curves.js";
import type { Chart, Point, Section } from "./data.js";
import { change, figure, size, whole } from "./numbers.js";

/** The quality of nested vectors at each size, for runs that have them. */
export function nestedSections(directory: string): Section[] {
  const nested = saved(join(directory, "nested.json"));
  if (!nested || nested.events === 0) return [];
  const { events, together, field_events, fields } = nested;
  const y = { label: "AUC difference from full vectors" };
  const x = { label: "components", log: true };
  const pointOf = ({ prefix, auc_difference, auc_se }: PrefixQuality): Point => ({
    x: prefix,
    y: auc_difference,
    se: auc_se,
  });
  const all: Chart = {
    kind: "lines",
    id: "sizes",
    title: "All fields truncated",
    x,
    y,
    series: [{ label: "all fields", points: together.map(pointOf) }],
  };
  const each: Chart = {
    kind: "lines",
    id: "sizes-by-field",
    title: "One field truncated, the others full",
    x,
    y,
    series: fields.map(({ field, prefixes }) => ({ label: field, points: prefixes.map(pointOf) })),
  };
  const rows = together.map((of) => [
    String(of.prefix),
    size(of.bytes),
    figure(of.auc),
    change(of.auc_difference, of.auc_se),
    figure(of.logloss),
    change(of.logloss_difference, of.logloss_se),
  ]);
  const heads = [
    "components",
    "bytes of rows",
    "AUC",
    "difference from full vectors",
    "logloss",
    "difference from full vectors",
  ];
  const apart = field_events > 0 ? [each] : [];
  const note = `Nested vectors truncated to their first components: all fields, on ${whole(events)} events, and each field alone, on ${whole(field_events)}. hashbrook eval --dims and predict --dims score with truncated vectors.`;
  return [
    {
      id: "sizes",
      title: "Quality by size",
      note,
      charts: [all, ...apart],
      tables: [{ heads, rows, numeric: [0, 1, 2, 3, 4, 5] }],
    },
  ];
}

function saved(path: string): NestedReport | null {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as NestedReport;
  } catch {
    return null;
  }
}
