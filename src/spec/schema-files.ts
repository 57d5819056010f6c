import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Problems } from "../schema/problems.js";
import type { ModelSpec } from "./schema.js";

type Written = Pick<ModelSpec["events"], "schema">;

/** Whether a schema is given by its text, not by the name of its file. */
const isText = (schema: string): boolean => /^\s*[{["]/.test(schema);

/**
 * The spec with the texts of its schemas in place of the names of their files.
 * @param file the spec's: its folder is where theirs are looked for
 */
export function withSchemas(spec: ModelSpec, file: string, problems: Problems): ModelSpec {
  const events = withSchema(spec.events, file, "events", problems);
  if (!spec.join) return { ...spec, events };
  const clicks = withSchema(spec.join.clicks, file, "join.clicks", problems);
  return { ...spec, events, join: { ...spec.join, clicks } };
}

function withSchema<T extends Written>(written: T, file: string, path: string, problems: Problems): T {
  const { schema } = written;
  if (schema === undefined || isText(schema)) return written;
  const found = resolve(dirname(file), schema);
  try {
    return { ...written, schema: readFileSync(found, "utf8") };
  } catch {
    problems.add(`${path}.schema`, `${schema}: no such file`, "its path starts from the spec's folder");
    return { ...written, schema: undefined };
  }
}
