import { fieldOf } from "../fields/index.js";
import { type CompiledField, type CompiledSpec, type Format, positiveNumber, type TimeUnit } from "../spec/compiled.js";
import { columnsIn } from "./header.js";
import { JSON_OBJECT, jsonFault } from "./json-fault.js";
import type { RefusedRow } from "./refused.js";
import type { Reject, RejectCode } from "./reject.js";

/**
 * A rejected row with what was found and what was expected. @param events the event format, with the columns of the
 * current file
 */
export function rejectOf(
  code: RejectCode,
  { whole, ...row }: RefusedRow,
  { spec, format, columns }: { spec: CompiledSpec; format: Format; columns: number },
): Reject {
  const fault = code === "bad_json" && whole ? jsonFault(whole) : null;
  if (fault) return { code, ...row, value: fault.value, expected: fault.expected };
  const value = code === "column_count" ? columnsIn(row.bytes, spec.events.separator, format) : row.value;
  return { code, ...row, value, expected: expectedInstead(spec, code, row.column, columns) };
}

/** A short description of what would have been accepted instead of a value. @param columns of the file */
function expectedInstead(spec: CompiledSpec, code: RejectCode, column: string, columns: number): string {
  if (code === "column_count") return `${columns} columns`;
  if (code === "bad_label" || code === "unknown_label") return expectedLabel(spec);
  if (code === "bad_time" || code === "missing_time" || code === "impossible_time") return expectedTime(spec, code);
  if (code === "bad_type" || code === "bad_number") return expectedType(spec, column);
  if (code === "number_out_of_range")
    return column === spec.label.oracle ? "a number from 0 to 1" : "a number within ±1e18";
  if (code === "bad_vector") {
    const [wanted] = readers(spec, column).flatMap((field) => fieldOf(field.type).expects?.(field) ?? []);
    return wanted ?? "numbers";
  }
  return others[code];
}

type Plain = Exclude<
  RejectCode,
  | "column_count"
  | "bad_label"
  | "unknown_label"
  | "bad_time"
  | "missing_time"
  | "impossible_time"
  | "bad_type"
  | "bad_number"
  | "number_out_of_range"
  | "bad_vector"
>;

const others: Readonly<Record<Plain, string>> = {
  bad_weight: "a number above 0, at most 1,000,000",
  bad_utf8: "UTF-8 (iconv converts other encodings)",
  bad_json: JSON_OBJECT,
  value_too_long: "at most 65,535 bytes",
  row_too_long: "at most 4 MiB",
  missing_id: "an event id",
  bad_quote: "quotes around the whole value, doubled within it, and closed",
  bad_features: "label index:value … (libffm: label field:index:value …), optionally a comment after a #",
  bad_avro: "one record of the writer's schema",
  bad_protobuf: "one message of the writer's schema",
  unknown_schema: "a 0 byte and the id of a registered schema of this format",
  bad_vw: "label [importance] ['tag]|namespace feature[:value] …, each namespace once",
};

function expectedLabel({ label }: CompiledSpec): string {
  if (label.soft) return "a number from 0 to 1";
  const { positive } = label;
  if ("at_least" in positive) return "a number";
  if ("any_of" in positive) return `${positive.any_of.join(", ")} (positive), or another text`;
  const number = positiveNumber(positive);
  if (number === undefined) return "a text";
  const negatives = [0, -1, 1].filter((x) => x !== number).slice(0, number > 1 || number < -1 ? 3 : 2);
  return `${number} (positive), or ${negatives.join(" or ")}`;
}

function expectedTime({ label }: CompiledSpec, code: RejectCode): string {
  const unit = unitName(label.time?.unit ?? "ms");
  const bounds = code === "impossible_time" ? ", before 2100" : "";
  return `${unit} since 1970${bounds}, or a date like 2024-05-31 23:59:59`;
}

/** A unit of time in a word. */
export function unitName(unit: TimeUnit): string {
  return { s: "seconds", ms: "milliseconds", us: "microseconds", ns: "nanoseconds" }[unit];
}

function readers({ fields }: CompiledSpec, column: string): CompiledField[] {
  return fields.filter((field) => "from" in field && field.from === column);
}

function expectedType(spec: CompiledSpec, column: string): string {
  const kinds = readers(spec, column).map(({ type }) => fieldOf(type));
  if (kinds.some(({ reads }) => reads === "number") || column === spec.label.oracle) return "a number";
  const lists = kinds.filter(({ reads }) => reads === "items");
  if (lists.some(({ numeric }) => numeric)) return "a list of numbers";
  if (lists.length > 0) return "a list of texts and numbers";
  return "a text, a number, true or false";
}
