import { checkArguments, following } from "../core/arguments.js";
import { HashbrookError } from "../core/errors.js";
import { nodeFiles } from "../core/files.js";
import { fieldOf } from "../fields/index.js";
import { inputsFor } from "../sources/source.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { loadSpec } from "../spec/parse.js";
import { EventCache } from "./cache.js";
import { type MakeOptions, makeCache } from "./make.js";
import { manifestFile } from "./names.js";
import { describe, NO_CACHE, type OpenedCache, whyNot } from "./open-or-make.js";

/** What to decode, once, for many runs. */
export interface CacheOptions extends Omit<MakeOptions, "kept"> {
  /** Path of a model spec, or a compiled one. */
  readonly model: string | CompiledSpec;
  /** Paths, patterns, "-" or "simulate:ROWS[:SEED[:FORMAT]]", in order. */
  readonly data: string | readonly string[];
  /** The cache's directory. */
  readonly out: string;
  /**
   * Columns and JSON paths whose texts are kept, for `eval --by` and `predict --columns`; those that a spec's
   * calibration needs are always kept.
   */
  readonly texts?: readonly string[] | undefined;
}

/** A cache, and how it was made. */
export interface CacheReport extends OpenedCache {
  /** Its bytes ÷ those of the data's content; null if the data are empty. */
  readonly ratio: number | null;
}

/**
 * Decodes events into a cache, which train, eval and predict read as `cache:DIR`. An existing, complete cache of the
 * same data and an equivalent spec is left as it is.
 * @returns null if stopped; nothing is left then
 * @throws HashbrookError output_exists if the directory holds another cache; cache_write; source_missing,
 * source_unreadable, spec_invalid, usage
 */
export async function cacheEvents(options: CacheOptions): Promise<CacheReport | null> {
  checkArguments("cacheEvents", options, {
    model: "spec",
    data: "files",
    out: "path",
    texts: "?texts",
    ...following,
  });
  const { model, data, out, texts = [], onProgress, signal } = options;
  const spec = typeof model === "string" ? loadSpec(model) : model;
  if (spec.join) throw labelledByClicks(spec);
  const kept = [...new Set([...sliceColumns(spec), ...texts])];
  const inputs = inputsFor(typeof data === "string" ? [data] : data);
  const made = nodeFiles.stat(manifestFile(out)) ? await whyNot(out, { spec, inputs, kept }) : NO_CACHE;
  if (made !== null && made !== NO_CACHE) throw otherCache(out, made);
  if (made !== null && !(await makeCache(spec, inputs, out, { kept, onProgress, signal }))) return null;
  const cache = describe(new EventCache(out));
  return { ...cache, made, ratio: cache.content > 0 ? cache.bytes / cache.content : null };
}

/** Columns with the values that select a calibration's slices. */
function sliceColumns({ calibration, fields }: CompiledSpec): string[] {
  const field = fields.find(({ name }) => name === calibration?.by);
  return field && "from" in field && fieldOf(field.type).reads === "text" ? [field.from] : [];
}

function labelledByClicks({ name }: CompiledSpec): HashbrookError {
  return new HashbrookError("usage", `${name}: its labels come from clicks, and such events cannot be cached`, {
    hint: "train from the impressions and --clicks directly",
  });
}

function otherCache(out: string, why: string): HashbrookError {
  return new HashbrookError("output_exists", `${out}: already holds another cache: ${why}`, {
    hint: "remove it, or name another --out directory",
  });
}
