import { checkArguments } from "../core/arguments.js";
import { HashbrookError } from "../core/errors.js";
import { outputError } from "../core/files.js";
import { tryFolder } from "../core/temporary.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { loadSpec } from "../spec/parse.js";
import type { Given } from "../train/settings.js";
import { readIdVectors, writeIdVectors } from "../warm-start/id-vectors.js";
import { type Item2vecProgress, type Item2vecSettings, item2vecDefaults, learnVectors } from "./learn.js";
import { sequencesOfEvents, sequencesOfLines } from "./read-sequences.js";

/** What to learn vectors from, and how. */
export interface Item2vecOptions extends Given<Item2vecSettings> {
  /**
   * Files of sequences, one per line: ids separated by blanks, tabs or commas, or a JSON array. With `model`: files of events.
   */
  readonly data: string | readonly string[];
  /** How events are written: a spec's path, or a compiled spec. Requires `field` and `sequenceBy`. */
  readonly model?: string | CompiledSpec | undefined;
  /** The source of ids: a field of the spec, or a column or path. */
  readonly field?: string | undefined;
  /** The source of what identifies a sequence, likewise: a user, a session. A sequence has its ids in stream order. */
  readonly sequenceBy?: string | undefined;
  /** Include the ids of negative events. Default false. */
  readonly negatives?: boolean | undefined;
  /** Folder to write: `vectors.npy`, `ids.tsv`, `item2vec.json`. */
  readonly out: string;
  /** Called a few times a second. */
  readonly onProgress?: ((progress: Item2vecProgress) => void | Promise<void>) | undefined;
}

/** The result. */
export interface Item2vecReport {
  /** The folder. */
  readonly out: string;
  /** Ids with a vector. */
  readonly ids: number;
  /** Floats per vector. */
  readonly dim: number;
  /** Sequences of at least two such ids. */
  readonly sequences: number;
  /** Their occurrences in one pass. */
  readonly words: number;
  /** All settings, including defaults. */
  readonly settings: Item2vecSettings;
}

/** Integer settings, with their minimum values. */
const least = { dim: 1, window: 1, negative: 1, minCount: 1, epochs: 1, seed: 0 } as const;
const DIM = 4096;

/**
 * Learns vectors of ids from the sequences they occur in (word2vec; Barkan & Koenigstein 2016 for items), and writes them for
 * `train --init-table`.
 * @throws HashbrookError usage, spec_invalid, source_missing, source_unreadable, table_full, diverged
 */
export async function item2vec(options: Item2vecOptions): Promise<Item2vecReport> {
  checkArguments("item2vec", options, {
    data: "files",
    model: "?spec",
    field: "?text",
    sequenceBy: "?text",
    out: "path",
    onProgress: "?function",
  });
  const settings = settingsOf(options);
  try {
    tryFolder(options.out);
  } catch (error) {
    throw outputError(options.out, error);
  }
  const reader = await readerOf(options);
  const sequences = reader.take(settings.minCount);
  if (sequences.tokens.length === 0)
    throw new HashbrookError("usage", "no sequence has two ids with enough occurrences", {
      hint: `a line has the ids of one sequence${settings.minCount > 1 ? `; or lower --min-count, which is ${settings.minCount}` : ""}`,
    });
  const vectors = await learnVectors(sequences, settings, options.onProgress);
  if (!vectors.every(Number.isFinite))
    throw new HashbrookError("diverged", "vectors are not finite any more: learning has diverged", {
      hint: `lower --rate, which is ${settings.rate}`,
    });
  const { ids, counts } = sequences;
  const words = sequences.tokens.length - sequences.sequences;
  const facts = { ids: ids.length, dim: settings.dim, sequences: sequences.sequences, words, settings };
  writeIdVectors(options.out, { ids, dim: settings.dim, vectors }, counts, {
    format: "hashbrook-item2vec",
    version: 1,
    ...facts,
  });
  return { out: options.out, ...facts };
}

function readerOf({ data, model, field, sequenceBy, negatives }: Item2vecOptions) {
  const files = typeof data === "string" ? [data] : data;
  if (model === undefined) {
    if (field !== undefined || sequenceBy !== undefined)
      throw new HashbrookError(
        "usage",
        "--field and --sequence-by require --model: without it, --data has sequences, not events",
      );
    return sequencesOfLines(files);
  }
  if (field === undefined || sequenceBy === undefined)
    throw new HashbrookError("usage", "--model requires --field and --sequence-by", {
      hint: "give the field of the ids and the one that identifies a sequence: --field article --sequence-by user",
    });
  const spec = typeof model === "string" ? loadSpec(model) : model;
  return sequencesOfEvents(files, { spec, field, sequenceBy, negatives });
}

/** The kernel's numbers have 32 bits. */
const MOST = 2 ** 32 - 1;

function settingsOf(given: Given<Item2vecSettings>): Item2vecSettings {
  const names = Object.keys(item2vecDefaults) as (keyof Item2vecSettings)[];
  const settings = Object.fromEntries(
    names.map((name) => [name, given[name] ?? item2vecDefaults[name]]),
  ) as unknown as Item2vecSettings;
  const { architecture, dim } = settings;
  for (const [name, bound] of Object.entries(least)) {
    const value = settings[name as keyof typeof least];
    if (!Number.isSafeInteger(value) || value < bound)
      throw new HashbrookError("usage", `${name} ${value}: must be a whole number of at least ${bound}`);
    if (value > MOST) throw new HashbrookError("usage", `${name} ${value}: at most ${MOST}`);
  }
  if (dim > DIM) throw new HashbrookError("usage", `dim ${dim}: at most ${DIM}`);
  if (!(settings.rate > 0) || !(settings.sample >= 0) || !Number.isFinite(settings.exponent))
    throw new HashbrookError("usage", "rate must be above 0, sample 0 or more, exponent a number");
  return given.rate === undefined && architecture === "cbow" ? { ...settings, rate: 0.05 } : settings;
}

/** An id, and its similarity. */
export interface Neighbour {
  /** Its text. */
  readonly id: string;
  /** Cosine similarity of both vectors. */
  readonly similarity: number;
}

/**
 * The ids with the most similar vectors.
 * @param directory as `item2vec` writes it
 * @throws HashbrookError usage if there is no such id; what reading throws
 */
export function neighboursOf(directory: string, id: string, count = 10): Neighbour[] {
  checkArguments("neighboursOf", { directory, id, count }, { directory: "path", id: "text", count: "number" });
  const { ids, dim, vectors } = readIdVectors(directory);
  const at = ids.indexOf(id);
  if (at < 0)
    throw new HashbrookError("usage", `${directory}: has no id ${id}`, {
      hint: "see ids.tsv for the ids; those with fewer occurrences than --min-count have no vector",
    });
  const row = (i: number) => vectors.subarray(i * dim, (i + 1) * dim);
  const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, x, c) => sum + x * b[c], 0);
  const norms = ids.map((_, i) => Math.sqrt(dot(row(i), row(i))) || 1);
  const near = ids.map((other, i) => ({ id: other, similarity: dot(row(at), row(i)) / (norms[at] * norms[i]), i }));
  return near
    .filter(({ i }) => i !== at)
    .sort((a, b) => b.similarity - a.similarity || a.i - b.i)
    .slice(0, count)
    .map(({ id, similarity }) => ({ id, similarity }));
}
