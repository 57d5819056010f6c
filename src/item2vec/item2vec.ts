import { checkArguments } from "../core/arguments.js";
import { HashbrookError } from "../core/errors.js";
import { outputError } from "../core/files.js";
import { tryFolder } from "../core/temporary.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { loadSpec } from "../spec/parse.js";
import type { Given } from "../train/settings.js";
import { writeIdVectors } from "../warm-start/id-vectors.js";
import { type Item2vecProgress, learnVectors } from "./learn.js";
import { sequencesOfEvents, sequencesOfLines } from "./read-sequences.js";
import { type Item2vecSettings, settingsOf } from "./settings.js";

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
  tryFolder(options.out, outputError);
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
