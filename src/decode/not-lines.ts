import { HashbrookError } from "../core/errors.js";
import type { Format } from "../spec/compiled.js";

const hints: { readonly [F in Format]?: string } = {
  protobuf:
    "to read files of length-delimited messages, name the schema in the spec: events: { format: protobuf, schema: clicks.proto }",
};

/** The error for binary events in a file without a schema: unlike topics, files do not name their events' schemas. */
export const notLines = (format: Format): HashbrookError =>
  new HashbrookError("source_unreadable", `events of format ${format} cannot be read from files without a schema`, {
    hint:
      hints[format] ??
      "read them from Kafka, or write files of JSON lines, Parquet, tsv or csv; files of Avro records (.avro) are read with events: { format: json }",
  });
