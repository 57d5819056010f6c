import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { protoFiles } from "../event-schemas/proto-file.js";
import { canonicalProto } from "../event-schemas/protobuf.js";
import { SchemaProblem } from "../event-schemas/types.js";
import type { Problems } from "../schema/problems.js";
import type { ModelSpec } from "./schema.js";

type Written = Pick<ModelSpec["events"], "format" | "schema">;

/** Whether a schema is given as text rather than as a file name. */
const isText = ({ format, schema }: Written): boolean =>
  format === "protobuf" ? /[;{]/.test(schema!) : /^\s*[{["]/.test(schema!);

/**
 * The spec with schema file names replaced by the files' texts.
 * @param file the spec's path: schema paths are relative to its folder
 */
export function withSchemas(spec: ModelSpec, file: string, problems: Problems): ModelSpec {
  const events = withSchema(spec.events, file, "events", problems);
  if (!spec.join) return { ...spec, events };
  const clicks = withSchema(spec.join.clicks, file, "join.clicks", problems);
  const { conversions: written } = spec.join;
  const conversions = written && { conversions: withSchema(written, file, "join.conversions", problems) };
  return { ...spec, events, join: { ...spec.join, clicks, ...conversions } };
}

function withSchema<T extends Written>(written: T, file: string, path: string, problems: Problems): T {
  const { schema } = written;
  if (schema === undefined || isText(written)) return written;
  const found = resolve(dirname(file), schema);
  try {
    return { ...written, schema: written.format === "protobuf" ? protoText(found) : readFileSync(found, "utf8") };
  } catch (error) {
    const what =
      error instanceof SchemaProblem ? `invalid Protobuf schema: ${error.message}` : `${schema}: no such file`;
    problems.add(`${path}.schema`, what, "check the path; it is relative to the spec's folder");
    return { ...written, schema: undefined };
  }
}

const MOST_FILES = 1000;

/**
 * A .proto file with its imports, which are looked for beside it and in the folders above. @throws SchemaProblem, also
 * for a missing file
 */
function protoText(path: string): string {
  const texts = new Map<string, string>();
  const read = (file: string): void => {
    if (texts.has(file) || texts.size >= MOST_FILES) return;
    const text = readFileSync(file, "utf8");
    texts.set(file, "");
    for (const name of importsOf(text)) {
      const found = importedFile(name, dirname(file));
      if (found === undefined) throw new SchemaProblem(`${basename(file)} imports "${name}", which does not exist`);
      read(found);
    }
    // Dependencies come first.
    texts.delete(file);
    texts.set(file, text);
  };
  read(path);
  const all = [...texts.values()];
  return canonicalProto(all.at(-1)!, all.slice(0, -1));
}

const importsOf = (text: string): string[] =>
  protoFiles(text)
    .flatMap(({ imports }) => imports)
    .filter((name) => !name.startsWith("google/protobuf/"));

function importedFile(name: string, folder: string): string | undefined {
  const found = join(folder, name);
  if (existsSync(found)) return found;
  return dirname(folder) === folder ? undefined : importedFile(name, dirname(folder));
}
