import { grouped } from "../core/digits.js";
import type { StartedPart, StartReport } from "../warm-start/report.js";

/** Up to this many weights of a tower are listed individually. */
const MOST_WEIGHTS = 12;

/** How a model started from another one: a line per part. */
export function startedLines({ from, examples, parts, frozen }: StartReport): string[] {
  const tower = parts.filter(({ part }) => part === "tower");
  const whole = tower.filter(({ outcome, reason }) => outcome === "taken" && reason === null);
  const rest = parts.filter((part) => !whole.includes(part));
  const shown = rest
    .filter(({ part }) => part !== "tower")
    .concat(rest.filter(({ part }) => part === "tower").slice(0, MOST_WEIGHTS));
  const more = rest.length - shown.length;
  return [
    ...(from === null ? [] : [`starts from ${from} (${grouped(examples)} examples)`]),
    ...shown.map(partLine),
    ...(whole.length > 0 ? [`  tower: ${whole.length} of ${tower.length} weights taken unchanged`] : []),
    ...(more > 0 ? [`  tower: ${more} more weights differ: see --json`] : []),
    ...frozen.map((name) => `  ${name}: frozen`),
  ];
}

const units = { table: "rows", tower: "numbers", numbers: "", calibration: "" } as const;

function partLine({ part, name, outcome, taken, reason }: StartedPart): string {
  const amount = units[part] && taken > 0 ? `, ${grouped(taken)} ${units[part]}` : "";
  return `  ${part} ${name}: ${outcome}${amount}${reason === null ? "" : ` (${reason})`}`;
}

/**
 * Reports on standard error how a model started, as plain lines, once: the first progress has it, and the report, since a
 * short run may end before any progress.
 */
export function startTeller(): (started: StartReport | null | undefined) => void {
  let told = false;
  return (started) => {
    if (told || !started) return;
    told = true;
    const clear = process.stderr.isTTY ? "\r\x1b[2K" : "";
    process.stderr.write(`${clear}${startedLines(started).join("\n")}\n`);
  };
}
