import type { Warning } from "../train/metrics/report.js";

const shown = new Set<string>();

/** Called when a command begins: warnings of an earlier one are shown again. */
export const forgetShown = (): void => shown.clear();

/** Prints warnings on standard error as plain lines, each kind and field once. */
export function tellWarnings(warnings: readonly Warning[]): void {
  for (const { code, field, message, hint } of warnings) {
    const kind = `${code} ${field}`;
    if (shown.has(kind)) continue;
    shown.add(kind);
    process.stderr.write(`${process.stderr.isTTY ? "\r\x1b[2K" : ""}warning: ${message}\n  ${hint}\n`);
  }
}
