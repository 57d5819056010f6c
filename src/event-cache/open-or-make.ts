import { checkArguments } from "../core/arguments.js";
import { HashbrookError } from "../core/errors.js";
import { nodeFiles } from "../core/files.js";
import { fingerprint } from "../sources/files/fingerprint.js";
import type { Input } from "../sources/reader.js";
import { inputsFor } from "../sources/source.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { EventCache } from "./cache.js";
import { inputsOfCache } from "./inputs.js";
import { type MakeOptions, makeCache } from "./make.js";
import { manifestFile } from "./names.js";

/** What is to be cached, and where. */
export interface OpenOrMakeOptions extends Partial<MakeOptions> {
  /** How events are read. */
  readonly spec: CompiledSpec;
  /** Paths, patterns, "-" or "simulate:ROWS[:SEED[:FORMAT]]", in order. */
  readonly data: readonly string[];
  /** The cache's directory. */
  readonly directory: string;
}

/** A cache that is there now. */
export interface OpenedCache {
  /** Where it is: an absolute path. */
  readonly directory: string;
  /** The value of `data` for train, eval and predict: "cache:DIR". */
  readonly data: string;
  /** Events in it. */
  readonly rows: number;
  /** Malformed rows, which are stored with their positions. */
  readonly rejected: number;
  /** Bytes of all its files. */
  readonly bytes: number;
  /** Of the data's decompressed content. */
  readonly content: number;
  /** Why it was made now; null: it existed. */
  readonly made: string | null;
}

/**
 * The cache in a directory, if it is for these data and this spec and intact to the last byte. Otherwise it is made
 * anew, replacing whatever cache is there: meant for caches that a program manages itself.
 * @returns null if stopped meanwhile
 * @throws HashbrookError cache_write; source_missing, source_unreadable, usage
 */
export async function openOrMakeCache(options: OpenOrMakeOptions): Promise<OpenedCache | null> {
  checkArguments("openOrMakeCache", options, { spec: "compiled", data: "texts", directory: "path", kept: "?texts" });
  const { spec, data, directory, kept = [], onProgress, signal } = options;
  const inputs = inputsFor(data);
  const wrong = await whyNot(directory, { spec, inputs, kept });
  if (wrong !== null && !(await makeCache(spec, inputs, directory, { kept, onProgress, signal }))) return null;
  return { ...describe(new EventCache(directory)), made: wrong };
}

/** A cache's description for reports. */
export function describe(cache: EventCache): Omit<OpenedCache, "made"> {
  const { directory, manifest, bytes } = cache;
  const { rows, rejected, files } = manifest;
  const content = files.reduce((sum, { offset }) => sum + offset, 0);
  return { directory, data: `cache:${directory}`, rows, rejected, bytes: bytes + manifestBytes(directory), content };
}

const manifestBytes = (directory: string): number => nodeFiles.stat(manifestFile(directory))?.bytes ?? 0;

/** Why a cache is made if there is none yet. */
export const NO_CACHE = "no cache found";

/** Why the directory holds no intact cache of these data and this spec, in a few words; null if it does. */
export async function whyNot(
  directory: string,
  { spec, inputs, kept }: { spec: CompiledSpec; inputs: readonly Input[]; kept: readonly string[] },
): Promise<string | null> {
  if (!nodeFiles.stat(manifestFile(directory))) return NO_CACHE;
  try {
    const cache = new EventCache(directory);
    cache.refuseOther(spec);
    cache.refuseMissing(kept);
    const other = await otherData(cache, inputs);
    if (other !== null) return other;
    cache.verify();
    return null;
  } catch (error) {
    if (error instanceof HashbrookError && error.code.startsWith("cache_")) return error.message;
    throw error;
  }
}

async function otherData(cache: EventCache, inputs: readonly Input[]): Promise<string | null> {
  const cached = inputsOfCache(cache);
  if (cached.length !== inputs.length) return `it was made from ${cached.length} files, but ${inputs.length} are given`;
  for (const [i, input] of inputs.entries()) {
    const there = cached[i];
    const same =
      input.repeatable &&
      input.bytes === there.bytes &&
      input.modified === there.modified &&
      (await fingerprint(input)) === (await fingerprint(there));
    if (!same) return `${input.name} differs from ${there.name}, which it was made from`;
  }
  return null;
}
