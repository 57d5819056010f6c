import { parseAvro } from "../event-schemas/avro.js";
import { DATA } from "../event-schemas/cloud-event.js";
import { hasProtoPath, protoPaths } from "../event-schemas/proto-types.js";
import { canonicalProto, parseProto } from "../event-schemas/protobuf.js";
import { hasPath, pathsOf, SchemaProblem } from "../event-schemas/types.js";
import type { Problems } from "../schema/problems.js";
import { type EventFormat, isBinary } from "./compiled.js";
import type { ModelSpec } from "./schema.js";

type Written = Pick<ModelSpec["events"], "format" | "schema" | "message">;
type Compiled = Pick<EventFormat, "schema" | "message">;

/** A schema in its compiled form. */
export function compileSchema(written: Written, problems: Problems, path: string): Compiled {
  const { format, schema, message } = written;
  if (message !== undefined && (format !== "protobuf" || schema === undefined)) {
    const what = format === "protobuf" ? "without a schema in the spec" : `for ${format}`;
    problems.add(
      `${path}.message`,
      `has no effect ${what}`,
      "remove it: it selects a message type of a Protobuf schema",
    );
    return {};
  }
  if (schema === undefined || !isBinary(format)) return {};
  try {
    return format === "avro" ? avro(schema) : protobuf(schema, message);
  } catch (error) {
    if (!(error instanceof SchemaProblem || error instanceof SyntaxError)) throw error;
    const [name, remedy] =
      format === "avro"
        ? ["Avro", "give a schema in JSON, as in .avsc files"]
        : ["Protobuf", "give a schema as in .proto files"];
    problems.add(`${path}.schema`, `invalid ${name} schema: ${error.message}`, remedy);
    return {};
  }
}

function avro(schema: string): Compiled {
  parseAvro(schema);
  return { schema: JSON.stringify(JSON.parse(schema)) };
}

function protobuf(schema: string, message: string | undefined): Compiled {
  parseProto(schema, [], message);
  return { schema: canonicalProto(schema), ...(message !== undefined && { message }) };
}

/** The paths that events can have. */
export interface KnownPaths {
  has(path: string): boolean;
  all(): string[];
}

/** The paths of events, if the spec has their schema. */
export function knownPaths({ envelope, ...events }: EventFormat): KnownPaths | undefined {
  const known = pathsOfSchema(events);
  return known && envelope ? besideAttributes(known) : known;
}

function pathsOfSchema({ format, schema, message }: EventFormat): KnownPaths | undefined {
  if (schema === undefined) return undefined;
  if (format === "protobuf") {
    const type = parseProto(schema, [], message);
    return { has: (path) => hasProtoPath(type, path), all: () => protoPaths(type) };
  }
  const type = parseAvro(schema);
  return { has: (path) => hasPath(type, path), all: () => pathsOf(type) };
}

/** CloudEvents may have any attributes; their data have the paths of the schema. */
function besideAttributes({ has, all }: KnownPaths): KnownPaths {
  const within = `${DATA}.`;
  return {
    has: (path) => (path.startsWith(within) ? has(path.slice(within.length)) : path !== DATA && !path.includes(".")),
    all: () => all().map((path) => within + path),
  };
}
