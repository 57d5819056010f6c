import type { Warning } from "../train/metrics/report.js";

const told = new Set<string>();

/** Called when a command begins: warnings of an earlier one are shown again. */
export const forgetTold = (): void => told.clear();

/** Prints warnings on standard error as plain lines, each kind and field once. */
export function tellWarnings(warnings: readonly Warning[]): void {
  for (const { code, field, message, hint } of warnings) {
    const kind = `${code} ${field}`;
    if (told.has(kind)) continue;
    told.add(kind);
    process.stderr.write(`${process.stderr.isTTY ? "\r\x1b[2K" : ""}warning: ${message}\n  ${hint}\n`);
  }
}
