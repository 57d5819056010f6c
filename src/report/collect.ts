import { existsSync } from "node:fs";
import { join } from "node:path";
import { readTogether } from "../checkpoints/together-file.js";
import { LEDGER_FILE } from "../tune/ledger.js";
import type { ReportData } from "./content.js";
import { runReport } from "./run-sections.js";
import { togetherReport } from "./together-sections.js";
import { tuneReport } from "./tune-sections.js";

/** The report of a directory. @throws HashbrookError checkpoint_missing, checkpoint_damaged, ledger_damaged, ledger_mismatch */
export async function reportData(directory: string): Promise<ReportData> {
  if (existsSync(join(directory, LEDGER_FILE))) return tuneReport(directory);
  const together = readTogether(directory);
  if (!together) return runReport(directory);
  return togetherReport(
    directory,
    together.models.map(({ name }) => name),
  );
}
