import type { EventFormat, LabelSpec } from "./compiled.js";
import { defaults } from "./defaults.js";
import { type Problems, suggestion } from "./problems.js";
import { expand } from "./ranges.js";
import type { ModelSpec } from "./schema.js";

const isTable = (format: string): format is "tsv" | "csv" => format === "tsv" || format === "csv";

/** Can `text` separate the columns of a line? */
const isColumnSeparator = (text: string): boolean => /^[\t\x20-\x7e]$/.test(text) && text !== '"';

/** Resolves `events`. */
export function compileEvents(spec: ModelSpec, problems: Problems): EventFormat {
  const { format, columns, header, separator } = spec.events;
  if (!isTable(format)) {
    for (const key of ["columns", "header", "separator"] as const) {
      if (spec.events[key] !== undefined)
        problems.add(`events.${key}`, `has no meaning for ${format}`, "it is for tsv and csv: remove it");
    }
    return { format, columns: [], header: false, separator: "" };
  }
  if (!columns)
    problems.add(
      "events",
      `"columns" is missing: ${format} needs the names of its columns`,
      "e.g. columns: [label, I1..I13, C1..C26]",
    );
  const names = (columns ?? []).flatMap((name, i) =>
    expand(name, `events.columns[${i}]`, problems).map((column) => ({ column, i })),
  );
  for (const [at, { column, i }] of names.entries()) {
    const first = names.findIndex((other) => other.column === column);
    if (first !== at)
      problems.add(`events.columns[${i}]`, `"${column}" is there twice`, "give every column a name of its own");
  }
  if (separator !== undefined && !isColumnSeparator(separator)) {
    problems.add(
      "events.separator",
      `${JSON.stringify(separator)} cannot separate columns`,
      "one ASCII character, not a quote",
    );
  }
  return {
    format,
    columns: names.map(({ column }) => column),
    header: header ?? defaults.header,
    separator: separator ?? defaults.separator[format],
  };
}

/** Knows which sources of values (columns, paths, namespaces) an event has, and reports the others. */
export class Sources {
  private readonly events: EventFormat;
  private readonly problems: Problems;

  constructor(events: EventFormat, problems: Problems) {
    this.events = events;
    this.problems = problems;
  }

  /** Reports `from` at `path` unless an event can have it. */
  check(from: string, path: string): void {
    const { format, columns } = this.events;
    if (isTable(format) && columns.length > 0 && !columns.includes(from)) {
      this.problems.add(path, `"${from}" is not a column`, suggestion(from, columns));
    }
    if (format === "json" && from.split(".").includes("")) {
      this.problems.add(path, `"${from}" is not a path`, "keys joined by single dots: user.id");
    }
    if (format === "vw" && /[\s|:]/.test(from)) {
      this.problems.add(path, `"${from}" is not a namespace`, "a namespace has no spaces, | or :");
    }
  }
}

const THRESHOLD = /^>=\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)$/;

/** Resolves `label`. */
export function compileLabel(spec: ModelSpec, sources: Sources, problems: Problems): LabelSpec {
  const label = spec.label ?? {};
  if (label.field !== undefined && label.from !== undefined) {
    problems.add("label.from", "field and from are the same: both are given", "keep one of them");
  }
  const from = label.field ?? label.from ?? defaults.label;
  const time = typeof label.time === "string" ? { from: label.time } : label.time;
  const { weight = null, oracle = null } = label;
  const id = spec.events.id ?? label.id ?? null;
  const at = (key: string, value: string | null | undefined) => value != null && sources.check(value, `label.${key}`);
  at(label.from === undefined ? "field" : "from", from);
  at("weight", weight);
  at(typeof label.time === "string" ? "time" : "time.from", time?.from);
  if (id !== null) sources.check(id, spec.events.id === undefined ? "label.id" : "events.id");
  if (spec.events.id !== undefined && label.id !== undefined)
    problems.add("label.id", "events.id is the same: both are given", "keep one of them");
  if (spec.events.id_window !== undefined && id === null)
    problems.add("events.id_window", "there is no id", "add events.id, or remove it");
  at("oracle", oracle);
  return {
    from,
    positive: compilePositive(label.positive ?? defaults.positive, problems),
    weight,
    time: time ? { from: time.from, unit: time.unit ?? defaults.time_unit } : null,
    id,
    ...(id === null ? {} : { id_window: spec.events.id_window ?? defaults.id_window }),
    oracle,
  };
}

function compilePositive(positive: string, problems: Problems): LabelSpec["positive"] {
  if (!/^[<>=!]/.test(positive)) return { equals: positive };
  const threshold = Number(THRESHOLD.exec(positive)?.[1] ?? Number.NaN);
  if (!Number.isFinite(threshold)) {
    problems.add(
      "label.positive",
      `${JSON.stringify(positive)} is neither a text nor a threshold`,
      'e.g. positive: "1" or positive: ">= 4"',
    );
  }
  return { at_least: threshold };
}
