import { parseAvro } from "../event-schemas/avro.js";
import { type AnyType, SchemaProblem } from "../event-schemas/types.js";
import type { Problems } from "../schema/problems.js";
import type { EventFormat } from "./compiled.js";
import type { ModelSpec } from "./schema.js";

type Written = Pick<ModelSpec["events"], "schema">;

/** A schema as the compiled spec has it. */
export function compileSchema({ schema }: Written, problems: Problems, path: string): Pick<EventFormat, "schema"> {
  if (schema === undefined) return {};
  try {
    parseAvro(schema);
    return { schema: JSON.stringify(JSON.parse(schema)) };
  } catch (error) {
    if (!(error instanceof SchemaProblem || error instanceof SyntaxError)) throw error;
    problems.add(`${path}.schema`, `no Avro schema: ${error.message}`, "a JSON text, as in .avsc files");
    return {};
  }
}

/** What events are, where the spec has their schema. */
export const knownType = ({ format, schema }: EventFormat): AnyType | undefined =>
  format === "avro" && schema !== undefined ? parseAvro(schema) : undefined;
