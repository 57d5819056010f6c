import { bytes, grouped } from "../core/digits.js";
import type { SpecWarning } from "../schema/problems.js";
import type { HotnessCounters } from "../tables/encoding.js";
import type { LifecycleCounts } from "../tables/lifecycle.js";
import type { KnownFile, Quality, Report } from "../train/metrics/report.js";
import { sampleText } from "../train/rejects/rejects.js";
import { byLines } from "./by-value.js";
import { groupLines } from "./group-auc.js";
import { nestedLines } from "./nested.js";
import { count, counted, duration, figure } from "./progress.js";
import { tellOnce, tellWarnings } from "./warnings.js";

/** Slices of a calibration that are listed individually. */
const MOST_SLICES = 10;

/** Prints a finished run: as text or, with `json`, as ONE last line of standard output. */
export function printReport(report: Report, json: boolean): void {
  tellPassedOver(report.passed_over);
  tellWarnings(report.warnings);
  process.stdout.write(json ? `${JSON.stringify(report)}\n` : `${summary(report)}\n`);
}

/** Reports on standard error which damaged checkpoints were skipped, each once. */
export function tellPassedOver(skipped: Report["passed_over"]): void {
  for (const { path, reason } of skipped) tellOnce(path, `hashbrook: skipped checkpoint ${path}: ${reason}\n`);
}

/** Reports on standard error which files of a log were not read because they are not complete. */
export function tellUnfinished(paths: readonly string[]): void {
  for (const path of paths)
    process.stderr.write(
      `hashbrook: skipped ${path}: a server is writing it, or was killed; the next one that logs there completes what is over an hour old\n`,
    );
}

/** Reports on standard error what is valid in a model spec, but rarely meant. */
export function tellSpecWarning({ message, hint }: SpecWarning): void {
  process.stderr.write(`warning: ${message}\n  ${hint}\n`);
}

/** A finished run in a few lines. */
export function summary(report: Report): string {
  const lines = [
    `${counted(report.examples, "example", grouped(report.examples))} in ${duration(report.seconds)} (${count(report.examples_per_second)}/s), ended by: ${report.ended_by}`,
    ...(report.examples > 0 ? qualityLines(report) : []),
  ];
  for (const table of report.tables) {
    lines.push(
      `  table ${table.name} (${table.encoding}): ${counted(table.rows, "row")}, ${bytes(table.bytes)}, about ${counted(table.distinct, "distinct id")}`,
    );
    if (table.lifecycle) lines.push(`    ${lifecycleText(table.lifecycle)}`);
    if (table.hotness) lines.push(`    ${hotnessText(table.hotness)}`);
  }
  lines.push(...rejectedLines(report));
  if (report.truncated_letters)
    lines.push(`  truncated ${counted(report.truncated_letters, "dead letter")}: the topic does not accept more`);
  if (report.duplicates > 0)
    lines.push(`  skipped ${counted(report.duplicates, "event", String(report.duplicates))} with a duplicate id`);
  if (report.tombstones) lines.push(`  skipped ${counted(report.tombstones, "message")} without a value (tombstones)`);
  if (report.join) lines.push(`  ${joinText(report.join)}`);
  lines.push(...clippedLines(report.clipped));
  if (report.left_out)
    lines.push(`  negative sampling: ${count(report.left_out)} negatives were scored but not learned`);
  if (report.gate) lines.push(`  ${report.gate.held ?? "gate: within its bounds"}`);
  if (report.grouped) lines.push(...groupLines(report.grouped));
  if (report.nested) lines.push(...nestedLines(report.nested));
  if (report.by) lines.push(...byLines(report.by));
  if (report.skipped > 0)
    lines.push(`  skipped ${counted(report.skipped, "example", String(report.skipped))} whose gradient was not finite`);
  lines.push(...knownLines(report), `  checkpoint ${report.checkpoint}`);
  return lines.join("\n");
}

function joinText({
  clicks,
  joined,
  duplicates,
  late,
  corrected,
  awaited,
  conversions,
}: NonNullable<Report["join"]>): string {
  const corrections = corrected && `${count(corrected)} of them first learned as negatives`;
  const waiting = awaited && `${counted(awaited, "impression")} without a final label yet`;
  const more = [
    corrections,
    waiting,
    duplicates && counted(duplicates, "duplicate click"),
    late && `${counted(late, "late click")} ignored`,
    conversions?.late && `${counted(conversions.late, "late conversion")} ignored`,
  ];
  const converted = conversions ? ` and ${counted(conversions.count, "conversion")}` : "";
  return [
    `${counted(clicks, "click")}${converted} labelled ${counted(joined, "impression")}`,
    ...more.filter(Boolean),
  ].join(", ");
}

function qualityLines(report: Report): string[] {
  const { second_half, last_tenth, oracle, oracle_last_tenth, seen } = report;
  const lines = [
    row(seen ? "never seen before" : "whole stream", report),
    // Quality of the second half and of the last tenth of the stream.
    ...[second_half, last_tenth]
      .filter(({ from }) => from > 0)
      .map((part) => row(`from row ${count(part.from)}`, part)),
  ];
  if (oracle) lines.push(row("oracle, whole stream", oracle));
  if (oracle_last_tenth) lines.push(row("oracle, last tenth", oracle_last_tenth));
  if (report.calibrated) lines.push(...calibratedLines(report.calibrated));
  if (seen) lines.push(`${row("seen before", seen)}  (learned before: memory, not quality)`);
  return [...lines, ...validationLines(report.validation)];
}

/** Calibrated probabilities: quality, and recent predicted ÷ actual by slice. */
function calibratedLines({ slices, second_half, ...whole }: NonNullable<Report["calibrated"]>): string[] {
  const shown = slices.slice(0, MOST_SLICES).map(({ slice, events, raw, calibrated }) => {
    const name = `  ${slice ?? "all events"}`;
    return `  ${name.padEnd(22)} predicted ÷ actual ${figure(raw)} raw, ${figure(calibrated)} calibrated, over the last ${count(Math.round(events))} training events`;
  });
  const more = slices.length > MOST_SLICES ? [`    and ${slices.length - MOST_SLICES} more slices: see --json`] : [];
  const half = row(`calibrated, from ${count(second_half.from)}`, second_half);
  return [row("calibrated", whole), half, ...shown, ...more];
}

/** Files that were learned before, and files that were left unfinished. */
export function knownLines({ known_files, left_files }: Pick<Report, "known_files" | "left_files">): string[] {
  const before = ({ name, learned_as, first, last }: KnownFile) =>
    `already learned${name.endsWith(learned_as) ? "" : ` as ${learned_as}`}, as examples ${grouped(first)} to ${grouped(last)}`;
  const known = known_files.map((file) =>
    file.went_on_behind_line === null
      ? `  skipped ${file.name}: ${before(file)}`
      : `  continued ${file.name} after line ${grouped(file.went_on_behind_line)}: ${before(file)}`,
  );
  const left = left_files.map(
    ({ name, went_on_behind_line }) =>
      `  incomplete: ${name}, learned up to line ${grouped(went_on_behind_line ?? 0)}; give it again to continue there`,
  );
  return [...known, ...left];
}

function validationLines(validation: Report["validation"]): string[] {
  if (!validation) return [];
  const { epoch, best_epoch, rejected } = validation;
  const lines = [row(epoch === null ? "validation" : `validation, epoch ${epoch}`, validation)];
  if (best_epoch !== null && best_epoch !== epoch) lines.push(`  the best epoch was ${best_epoch}: see --early-stop`);
  if (rejected > 0) lines.push(`  rejected ${counted(rejected, "validation row", String(rejected))}`);
  return lines;
}

function clippedLines({ numbers, times, batches }: Report["clipped"]): string[] {
  const lines: string[] = [];
  if (numbers > 0) lines.push(`  clipped ${counted(numbers, "number")} over 10 standard deviations from the mean`);
  if (times > 0)
    lines.push(`  ${count(times)} event times were over a day ahead of the stream and did not advance its clock`);
  if (batches > 0)
    lines.push(`  scaled down the gradients of ${count(batches)} batches, whose norms were far above the usual`);
  return lines;
}

/** What was rejected and why, with the first event of each code; if everything was rejected, what to check. */
export function rejectedLines(
  report: Pick<Report, "examples" | "rejected" | "rejected_by_code" | "rejected_samples">,
): string[] {
  if (report.rejected === 0) return [];
  const codes = Object.entries(report.rejected_by_code).map(([code, n]) => `${code} ${n}`);
  const lines = [`  rejected ${report.rejected}: ${codes.join(", ")}`];
  for (const [code, sample] of Object.entries(report.rejected_samples)) lines.push(`    ${sampleText(code, sample)}`);
  if (report.examples === 0) {
    lines.push("  no event fits the model spec: check that its `events` and `label` describe this stream");
  }
  return lines;
}

/** The counters of a table's ids on one line; eviction reasons with a count of 0 are left out. */
export function lifecycleText({ admitted, refused, falsely_admitted, evicted, readmitted }: LifecycleCounts): string {
  const ids =
    admitted + refused > 0 ? [`admitted ${count(admitted)} (about ${count(falsely_admitted)} too early)`] : [];
  if (refused > 0) ids.push(`refused ${counted(refused, "occurrence")}`);
  const gone = Object.entries(evicted).filter(([, rows]) => rows > 0);
  if (gone.length > 0) ids.push(`evicted ${gone.map(([reason, rows]) => `${reason} ${count(rows)}`).join(", ")}`);
  if (readmitted > 0) ids.push(`readmitted about ${count(readmitted)}`);
  return ids.join("; ") || "nothing admitted or evicted yet";
}

/** The counters of a table's hot ids on one line. */
export function hotnessText({ promoted, demoted, keys, hot_keys }: HotnessCounters): string {
  const share = keys > 0 ? `${((100 * hot_keys) / keys).toFixed(1)} %` : "none";
  return `hot ids: ${count(promoted)} promoted, ${count(demoted)} demoted; ${share} of the keys of batches were hot`;
}

function row(name: string, q: Quality): string {
  const parts = [
    `AUC ${figure(q.auc)}${(q.auc_error ?? 0) > 1e-4 ? ` ± ${figure(q.auc_error)}` : ""}`,
    `logloss ${figure(q.logloss)}`,
    `NE ${figure(q.normalized_entropy)}`,
    `calibration ${figure(q.calibration)}`,
  ];
  return `  ${name.padEnd(22)} ${parts.join("  ")}`;
}
