import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { HashbrookError } from "../core/errors.js";
import { isObject } from "../core/json.js";

/** The file of a directory that contains one directory per model. */
export const TOGETHER = "together.json";

/** Its content. */
export interface TogetherFile {
  readonly version: 1;
  /** In order; the first one is the reference. */
  readonly models: readonly { readonly name: string; readonly spec_hash: string }[];
}

/** The models of a directory; null if it holds none, or only one. @throws checkpoint_damaged */
export function readTogether(directory: string): TogetherFile | null {
  const path = join(directory, TOGETHER);
  if (!existsSync(path)) return null;
  try {
    const file: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (isObject(file) && file.version === 1 && Array.isArray(file.models)) return file as unknown as TogetherFile;
  } catch {}
  throw new HashbrookError("checkpoint_damaged", `${path}: damaged: not a list of models as train writes it`, {
    hint: "remove it, and start the run with the same models in the same order: train writes it again",
  });
}

/** The error for a directory with several models where one was expected. @throws checkpoint_damaged */
export function severalHeld(directory: string): HashbrookError {
  const names = readTogether(directory)?.models.map(({ name }) => name) ?? [];
  return new HashbrookError("checkpoint_missing", `${directory}: contains several models: ${names.join(", ")}`, {
    hint: `name one of them: ${names.map((name) => join(directory, name)).join(" or ")}`,
  });
}
