import { readFileSync } from "node:fs";
import { checkArguments } from "../core/arguments.js";
import { shippedSpecs } from "../core/built-file.js";
import { HashbrookError } from "../core/errors.js";
import { hintOf } from "../core/system-errors.js";
import { Problems, type SpecWarning } from "../schema/problems.js";
import { compileSpec } from "./compile.js";
import type { CompiledSpec } from "./compiled.js";
import type { SpecDocument } from "./document.js";
import { type ModelSpec, specSchema } from "./schema.js";
import { withSchemas } from "./schema-files.js";
import { readShape, type Shape } from "./shape.js";

const shape = specSchema as unknown as Shape;

/**
 * Compiles the YAML text of a model spec.
 * @param file the name with which messages begin
 * @param onWarning called for every part of a spec that is valid but rarely meant
 * @throws HashbrookError("spec_invalid") that lists every problem as `file:line:column: path: what`, with the fixes as
 *   its hint
 */
export function parseSpec(text: string, file: string, onWarning?: (warning: SpecWarning) => void): CompiledSpec {
  checkArguments("parseSpec", { text, file }, { text: "text", file: "text" });
  const problems = new Problems(file);
  const spec = readShape(text, shape, problems) as ModelSpec | undefined;
  const compiled = spec && compileSpec(withSchemas(spec, file, problems), problems);
  problems.throwIfAny();
  if (compiled === undefined) throw new HashbrookError("internal", `${file}: not compiled, and no problem was found`);
  if (onWarning) problems.warnings.forEach(onWarning);
  return compiled;
}

/**
 * Compiles an edited document. Only a refused one is written out and parsed again, for the places in its messages.
 * @throws HashbrookError("spec_invalid")
 */
export function compileDocument(document: SpecDocument, file: string): CompiledSpec {
  return acceptedDocument(document, file) ?? parseSpec(document.text(), file);
}

/** Compiles an edited document. @param file relative to whose folder schemas are found @returns null if it is refused */
export function acceptedDocument(document: SpecDocument, file: string): CompiledSpec | null {
  const problems = new Problems(file);
  const spec = document.read(shape, problems) as ModelSpec | undefined;
  const compiled = spec && compileSpec(withSchemas(spec, file, problems), problems);
  return compiled === undefined || problems.count > 0 ? null : compiled;
}

/**
 * Reads and compiles a model spec.
 * @throws HashbrookError "source_missing" (no such file), "source_unreadable", "spec_invalid"
 */
export function loadSpec(path: string, onWarning?: (warning: SpecWarning) => void): CompiledSpec {
  checkArguments("loadSpec", { path }, { path: "path" });
  return parseSpec(readText(path), path, onWarning);
}

function readText(path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path));
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === "ENOENT")
      throw new HashbrookError("source_missing", `${path}: no such file`, {
        hint: `check the path; the shipped specs are in ${shippedSpecs()}`,
        cause,
      });
    if (code === "EISDIR")
      throw new HashbrookError("source_unreadable", `${path}: is a folder`, {
        hint: "give the path of a spec file",
        cause,
      });
    if (code === "ERR_ENCODING_INVALID_ENCODED_DATA")
      throw new HashbrookError("spec_invalid", `${path}:1:1: not UTF-8`, { hint: "save the file as UTF-8", cause });
    throw new HashbrookError("source_unreadable", `${path}: ${(cause as Error).message}`, {
      hint: hintOf(cause) ?? "check the file's type and permissions",
      cause,
    });
  }
}
