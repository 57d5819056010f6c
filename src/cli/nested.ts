import { bytes } from "../core/digits.js";
import type { FieldCurve, NestedReport, PrefixQuality } from "../train/metrics/prefix-curves.js";
import { count, figure } from "./progress.js";

/** The size curves of nested vectors. */
export function nestedLines({ events, together, field_events, fields }: NestedReport): string[] {
  if (events === 0) return ["  nested vectors: too few events so far to measure prefixes; use hashbrook eval --curves"];
  const byField = field_events === 0 ? [] : fields.map(fieldLine);
  const head = `  nested vectors, all fields cut (${count(events)} events):`;
  const of = `  each field cut (${count(field_events)} events), points of AUC lost:`;
  return [head, ...together.map(togetherLine), ...(byField.length > 0 ? [of, ...byField] : [])];
}

function togetherLine(quality: PrefixQuality, _: number, { length }: readonly PrefixQuality[]): string {
  const { prefix, auc, logloss } = quality;
  const change = _ === length - 1 ? "whole" : points(quality);
  return `    ${String(prefix).padStart(4)}  ${bytes(quality.bytes).padStart(9)}  AUC ${figure(auc)}  logloss ${figure(logloss)}  ${change}`;
}

function fieldLine({ field, prefixes }: FieldCurve): string {
  const cuts = prefixes.slice(0, -1).map((quality) => `${quality.prefix}: ${points(quality)}`);
  return `    ${field.padEnd(20)} ${cuts.join("  ")}`;
}

function points({ auc_difference, auc_se }: PrefixQuality): string {
  if (auc_difference === null || auc_se === null) return "unknown";
  const sign = auc_difference >= 0 ? "+" : "";
  return `${sign}${(100 * auc_difference).toFixed(2)} ± ${(100 * auc_se).toFixed(2)}`;
}
