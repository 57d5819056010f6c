import { HashbrookError } from "../core/errors.js";
import type { Format } from "../spec/compiled.js";

/** Files are read by lines, which events in binary have not. */
export const notLines = (format: Format): HashbrookError =>
  new HashbrookError("source_unreadable", `events of format ${format} are read from topics`, {
    hint: "read them from Kafka, or write files of JSON lines, Parquet, tsv or csv; files of Avro records (.avro) are read with events: { format: json }",
  });
