import { DATA } from "../event-schemas/cloud-event.js";
import { compileNulls } from "../fields/index.js";
import { type Problems, suggestion } from "../schema/problems.js";
import { isColumnSeparator, separatorOf } from "../schema/separators.js";
import {
  type EventFormat,
  hasFeatures,
  isBinary,
  isDelimited,
  isNested,
  type MessageType,
  wholePath,
} from "./compiled.js";
import { defaults } from "./defaults.js";
import { compileSchema, type KnownPaths, knownPaths } from "./event-schema.js";
import { expand } from "./ranges.js";
import type { ModelSpec } from "./schema.js";

type Written = Pick<
  ModelSpec["events"],
  | "format"
  | "columns"
  | "header"
  | "separator"
  | "trim"
  | "null_values"
  | "numbers_as_strings"
  | "schema"
  | "message"
  | "within"
  | "envelope"
>;
type Type = NonNullable<ModelSpec["events"]["type"]>;

/** Resolves which messages are events; nothing if all of them are. */
export function compileType(type: Type | undefined): { type?: MessageType } {
  return type ? { type: { from: type.from, is: [type.is].flat().map(String) } } : {};
}

/** Resolves `events`, or another description of how events are written, at `path` of the spec. */
export function compileEvents(written: Written, problems: Problems, path = "events"): EventFormat {
  const { format, columns, header, separator, trim } = written;
  const values = compileValues(written, problems, path);
  if (written.schema !== undefined && !isBinary(format))
    problems.add(`${path}.schema`, `has no effect for ${format}`, "remove it: it is for avro and protobuf");
  const schema = compileSchema(written, problems, path);
  const within = { ...compileWithin(written, problems, path), ...compileEnvelope(written, problems, path) };
  if (!isDelimited(format)) {
    for (const key of ["columns", "header", "separator", "trim"] as const) {
      if (written[key] !== undefined)
        problems.add(`${path}.${key}`, `has no effect for ${format}`, "remove it: it is for tsv and csv");
    }
    return { format, columns: [], header: false, separator: "", ...values, ...schema, ...within };
  }
  if (!columns && !header)
    problems.add(
      path,
      `"columns" is missing: ${format} requires the names of its columns`,
      "e.g. columns: [label, I1..I13, C1..C26]; or header: true, if the first line of every file names them",
    );
  const names = (columns ?? []).flatMap((name, i) =>
    expand(name, `${path}.columns[${i}]`, problems).map((column) => ({ column, i })),
  );
  for (const [at, { column, i }] of names.entries()) {
    const first = names.findIndex((other) => other.column === column);
    if (first !== at)
      problems.add(`${path}.columns[${i}]`, `"${column}" is listed twice`, "give every column a different name");
  }
  const by = separator === undefined ? defaults.separator[format] : separatorOf(separator);
  if (!isColumnSeparator(by)) {
    problems.add(
      `${path}.separator`,
      `${JSON.stringify(separator)} cannot separate columns`,
      'use one ASCII character other than a quote or a line break: ";", "\\t", "\\x01"',
    );
  }
  if (trim && by === " ")
    problems.add(`${path}.trim`, "has no effect if spaces separate columns", "remove it, or give another separator");
  return {
    format,
    columns: names.map(({ column }) => column),
    header: header ?? defaults.header,
    separator: by,
    ...(trim && { trim }),
    ...values,
  };
}

function compileWithin({ format, within }: Written, problems: Problems, path: string): Pick<EventFormat, "within"> {
  if (within === undefined) return {};
  if (!isNested(format))
    problems.add(`${path}.within`, `has no effect for ${format}`, "remove it: it is for json, avro and protobuf");
  else if (within.split(".").includes(""))
    problems.add(`${path}.within`, `"${within}" is not a path`, "write keys joined by single dots: payload.after");
  return { within };
}

/** The values of a CloudEvent are in its data. */
function compileEnvelope(
  { format, within, envelope }: Written,
  problems: Problems,
  path: string,
): Pick<EventFormat, "within" | "envelope"> {
  if (envelope === undefined) return {};
  if (!isNested(format))
    problems.add(`${path}.envelope`, `has no effect for ${format}`, "remove it: it is for json, avro and protobuf");
  if (within !== undefined)
    problems.add(`${path}.within`, "cannot be used with envelope", `remove it: the values of ${envelope} are in data`);
  return { within: DATA, envelope };
}

/** How values are read; defaults are left out, so that older specs keep their hash. */
function compileValues(
  { format, null_values, numbers_as_strings }: Written,
  problems: Problems,
  path: string,
): Pick<EventFormat, "null_values" | "numbers_as_strings"> {
  if (null_values && hasFeatures(format))
    problems.add(`${path}.null_values`, `has no effect for ${format}`, "remove it: a missing feature is left out");
  return { ...compileNulls(null_values), ...(numbers_as_strings ? { numbers_as_strings } : {}) };
}

/** The sources of values (columns, paths, namespaces) that an event can have; reports others. */
export class Sources {
  private readonly events: EventFormat;
  private readonly problems: Problems;
  /** The paths of the schema, if there is one. */
  private readonly known: KnownPaths | undefined;

  constructor(events: EventFormat, problems: Problems) {
    this.events = events;
    this.problems = problems;
    this.known = knownPaths(events);
  }

  /** Reports `from` at `path` unless an event can have it. */
  check(from: string, path: string): void {
    const { format, columns, within } = this.events;
    if (isDelimited(format) && columns.length > 0 && !columns.includes(from)) {
      this.problems.add(path, `"${from}" is not a column`, suggestion(from, columns));
    }
    const outside = within !== undefined && from.startsWith(".");
    if (outside && path.startsWith("fields"))
      this.problems.add(
        path,
        `"${from}" is outside ${within}`,
        "use a path inside it: score requests contain nothing else",
      );
    else if (isNested(format) && (outside ? from.slice(1) : from).split(".").includes("")) {
      this.problems.add(path, `"${from}" is not a path`, "write keys joined by single dots: user.id");
    }
    if (this.known && !this.known.has(wholePath(from, within)))
      this.problems.add(path, `the schema has no "${from}"`, suggestion(from, this.known.all()));
    if (format === "vw" && /[\s|:]/.test(from)) {
      this.problems.add(path, `"${from}" is not a namespace`, "a namespace has no spaces, | or :");
    }
    if ((format === "libsvm" || format === "libffm") && /[\s#:]/.test(from)) {
      const what = format === "libsvm" ? "an index" : "a field";
      this.problems.add(path, `"${from}" is not ${what}`, `${what} of ${format} has no spaces, # or :`);
    }
  }
}

/** Reports a `type` in a format that cannot have one, or at an unknown path. */
export function checkType({ format, type }: EventFormat, sources: Sources, problems: Problems): void {
  if (!type) return;
  sources.check(type.from, "events.type.from");
  if (hasFeatures(format))
    problems.add("events.type", `has no effect for ${format}`, "remove it: all lines are events");
}
