import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The command lines that wrote into a run's directory: one JSON object per line. */
export const COMMANDS = "commands.jsonl";

/**
 * Records a command line in a run's directory, unless it equals the previous one. For information only: a failure to
 * write is ignored.
 * @param command what follows the program's name
 */
export function noteCommand(directory: string, command: readonly string[]): void {
  const path = join(directory, COMMANDS);
  const line = `${JSON.stringify({ command })}\n`;
  try {
    if (!textOf(path).endsWith(line)) appendFileSync(path, line);
  } catch {}
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
