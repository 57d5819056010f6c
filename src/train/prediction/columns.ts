import { HashbrookError } from "../../core/errors.js";
import { type CompiledSpec, isDelimited } from "../../spec/compiled.js";
import type { PredictionFormat } from "./lines.js";

/** Scores only, or, if values are passed through, the format of the output's file extension. */
export function formatOf(out: string, columns: readonly string[] | undefined): PredictionFormat {
  if (columns === undefined) return "scores";
  return out.endsWith(".csv") ? "csv" : /\.(jsonl|ndjson|json)$/.test(out) ? "jsonl" : "tsv";
}

/**
 * Columns of the values for `eval --by` or `--group-auc`: for a field its source; else as for `keptSources`.
 * @throws HashbrookError usage
 */
export function bySource(spec: CompiledSpec, name: string, flag = "--by"): string[] {
  const field = spec.fields.find((one) => one.name === name);
  if (!field) return keptSources(spec, [name], flag);
  if ("from" in field) return [field.from];
  throw new HashbrookError("usage", `${flag} ${name}: is a cross, which events do not contain`, {
    hint: "name a column, or a field that is read from one",
  });
}

/**
 * Sources of the values that are passed through: a column, a path, or `label.id` for the event's id.
 * @param taken names of columns that are written beside them. Default: none
 * @throws HashbrookError usage for a column that the events do not have
 */
export function keptSources(
  { events, label }: CompiledSpec,
  columns: readonly string[],
  flag = "--columns",
  taken: readonly string[] = [],
): string[] {
  const known = !isDelimited(events.format) || events.header ? null : events.columns;
  return columns.map((name) => {
    const from = name === "label.id" && label.id != null && !known?.includes(name) ? label.id : name;
    if (name === "" || taken.includes(name) || columns.filter((other) => other === name).length > 1)
      throw new HashbrookError(
        "usage",
        `${flag} "${name}": columns must be named once each, and differ from those of the score`,
      );
    if (!known || known.includes(from)) return from;
    const hint = `columns: ${known.join(", ")}`;
    throw new HashbrookError("usage", `${flag} ${name}: the events have no such column`, { hint });
  });
}
