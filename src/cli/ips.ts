import { grouped } from "../core/digits.js";
import type { Estimate } from "../impression-log/estimates.js";
import type { PolicyReport } from "../impression-log/ips.js";

/** With fewer requests, propensities cannot be judged. */
const ENOUGH = 100;

/** A policy's value in a few lines. */
export function policyLines(report: PolicyReport): string {
  const { model, version, policy, requests, incomplete, repeated, effective_requests } = report;
  const rows: readonly (readonly [string, Estimate])[] = [
    ["as logged", report.logged],
    ["IPS", report.ips],
    ["SNIPS", report.snips],
    ["doubly robust", report.doubly_robust],
    ["direct method", report.direct],
    ["mean weight", report.mean_weight],
  ];
  const lines = [
    `${policy} by ${model} ${version}: mean reward per request, from ${grouped(requests)} requests`,
    ...rows.map(([name, { value, error }]) => `  ${name.padEnd(14)}${value.toFixed(5)}${errorText(error)}`),
    `  effective sample size: ${grouped(Math.round(effective_requests))} requests (largest weight ${report.max_weight.toPrecision(3)})`,
  ];
  if (incomplete > 0) lines.push(`  ${grouped(incomplete)} requests left out: candidates are missing`);
  if (repeated > 0) lines.push(`  ${grouped(repeated)} requests left out: duplicate id`);
  if (requests >= ENOUGH && isOff(report.mean_weight))
    lines.push("  the mean weight is far from 1: propensities are wrong, or there are too few requests");
  return `${lines.join("\n")}\n`;
}

const errorText = (error: number | null) => (error === null ? "" : ` ± ${error.toFixed(5)}`);

/** More than four standard errors from 1. */
function isOff({ value, error }: Estimate): boolean {
  return error !== null && Math.abs(value - 1) > 4 * error + 1e-9;
}
