import { existsSync, statSync } from "node:fs";
import { basename, resolve } from "node:path";
import { HashbrookError } from "../../core/errors.js";
import { systemFailure } from "../failure.js";
import type { Input, Reader } from "../reader.js";
import { simulatedInput } from "../simulator/input.js";
import { isArrow, openArrow } from "./arrow.js";
import { isAvro, openAvro } from "./avro-container.js";
import { compression, openCompressed } from "./compressed.js";
import { glob, isGlob } from "./glob.js";
import { isParquet, openParquet } from "./parquet.js";
import { openPipe } from "./pipe.js";
import { PlainReader } from "./plain.js";

/** The inputs that a `--data` argument names, in reading order. @throws source_missing, source_unreadable, usage */
export function inputsOf(spec: string, folder: string): Input[] {
  if (spec.startsWith("cache:")) throw noCache(spec);
  if (spec === "-") return [pipeInput("-", null)];
  if (spec.startsWith("simulate:")) return [simulatedInput(spec)];
  if (!isGlob(spec) || existsSync(resolve(folder, spec))) return [fileInput(spec, folder)];
  const names = matches(spec, folder);
  if (names.length > 0) return names.map((name) => fileInput(name, folder));
  throw new HashbrookError("source_missing", `${spec}: no file matches`, {
    hint: "check the pattern, and quote it, so that the shell does not expand it; relative patterns start from the current folder",
  });
}

/** The files that match, or why they could not be looked for: a folder that may not be read, a set such as `[z-a]`. */
function matches(spec: string, folder: string): string[] {
  try {
    return glob(spec, folder);
  } catch (cause) {
    if (cause instanceof SyntaxError)
      throw new HashbrookError("usage", `${spec}: a set in [ ] goes from a later character to an earlier one`, {
        hint: "write it in order: [a-z]",
        cause,
      });
    throw systemFailure(spec, cause);
  }
}

function noCache(spec: string): HashbrookError {
  return new HashbrookError("usage", `${spec}: this command cannot read a cache of decoded events`, {
    hint: "name the files that the cache was built from (only train, eval and predict read a cache, and only without other data)",
  });
}

function isUrl(name: string): HashbrookError {
  return new HashbrookError("source_missing", `${name}: is a URL, not a file`, {
    hint: "download it first, or pipe it to standard input: curl -s URL | npx hashbrook train --data - ...",
  });
}

function fileInput(name: string, folder: string): Input {
  const path = resolve(folder, name);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(name) && !existsSync(path)) throw isUrl(name);
  const stat = statOf(name, path);
  if (!stat.isFile()) return pipeInput(name, path);
  const table = isTable(path);
  const compressed = compression(path) !== undefined;
  const open = async (offset: number, row?: number) => {
    if (table) return openTable(name, path, offset, row);
    return compressed ? openCompressed(name, path, offset) : new PlainReader(name, path, offset);
  };
  const content = table || compressed ? null : stat.size;
  return { name, id: basename(path), bytes: stat.size, modified: stat.mtimeMs, content, repeatable: true, open };
}

/** True for table files, which are read as one JSON object per row. */
export const isTable = (path: string): boolean => isParquet(path) || isArrow(path) || isAvro(path);

function openTable(name: string, path: string, offset: number, row?: number): Promise<Reader> {
  if (isAvro(path)) return openAvro(name, path, offset, row);
  return isArrow(path) ? openArrow(name, path, offset, row) : openParquet(name, path, offset, row);
}

function statOf(name: string, path: string) {
  try {
    const stat = statSync(path);
    if (stat.isDirectory()) throw Object.assign(new Error(), { code: "EISDIR" });
    return stat;
  } catch (cause) {
    throw systemFailure(name, cause);
  }
}

function pipeInput(name: string, path: string | null): Input {
  const open = (offset: number) => openPipe(name, path, offset);
  return { name, id: basename(name), bytes: null, content: null, repeatable: false, open };
}
