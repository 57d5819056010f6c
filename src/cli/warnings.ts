import { bytes } from "../core/digits.js";
import { memoryLimit, residentBytes } from "../core/memory.js";
import type { Progress, Warning } from "../train/metrics/report.js";

const shown = new Set<string>();
/** Share of the memory from which on a run is warned. */
const NEARLY = 0.9;

/** Called when a command begins: warnings of an earlier one are shown again. */
export const forgetShown = (): void => shown.clear();

/** Prints warnings on standard error as plain lines, each kind and field once. */
export function tellWarnings(warnings: readonly Warning[]): void {
  for (const { code, field, message, hint } of warnings)
    tellOnce(`${code} ${field}`, `warning: ${message}\n  ${hint}\n`);
}

/** Prints a text on standard error as plain lines, if no text of this kind was printed before. */
export function tellOnce(kind: string, text: string): void {
  if (shown.has(kind)) return;
  shown.add(kind);
  process.stderr.write(`${process.stderr.isTTY ? "\r\x1b[2K" : ""}${text}`);
}

/** Prints the warnings of a running `train`. @param topic its events */
export function tellProgressWarnings(progress: Progress, topic?: string): void {
  const { warnings, source, memory_bytes } = progress;
  tellWarnings(warnings);
  if (memory_bytes > NEARLY * memoryLimit()) tellWarnings([memoryShort(progress)]);
  if (topic !== undefined && source?.added) tellWarnings([partitionsAdded(topic, source.added)]);
}

/** Prints a warning if the memory of a server whose models grow is nearly used up. */
export function tellServingMemory(): void {
  const held = residentBytes();
  const hint = "allow it more memory, use --precision f16, int8 or int4, or --row-store DIR";
  if (held > NEARLY * memoryLimit()) tellWarnings([memoryWarning(held, "", hint)]);
}

function memoryShort({ memory_bytes, table_bytes }: Progress): Warning {
  const hint =
    "allow it more memory, or limit its tables: `budget`, `admission`, `precision`; --resume continues from its last checkpoint";
  return memoryWarning(memory_bytes, `, ${bytes(table_bytes)} by tables`, hint);
}

/** Beyond its limit the system kills a process, which cannot report anything then. */
function memoryWarning(held: number, by: string, hint: string): Warning {
  const message = `memory is short: ${bytes(held)} of ${bytes(memoryLimit())} are in use${by}; beyond that the system kills this process`;
  return { code: "memory_short", field: null, message, hint };
}

function partitionsAdded(topic: string, added: number): Warning {
  const partitions = added === 1 ? "1 partition was" : `${added} partitions were`;
  const message = `topic ${topic}: ${partitions} added since the run began; the events in them are not learned`;
  const hint = "stop it and continue with --resume, which reads them from their beginning";
  return { code: "partitions_added", field: topic, message, hint };
}

/** Prints that several epochs have no validation. */
export function tellUnvalidated(epochs: number): void {
  process.stderr.write(`warning: --epochs ${epochs} without --validate: nothing will show whether later epochs generalise or only memorise
  add --validate FILES or --validate-last 20%, and --early-stop 1
`);
}
