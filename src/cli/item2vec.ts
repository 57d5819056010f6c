import { Command, Option } from "commander";
import { systemClock } from "../core/clock.js";
import { HashbrookError } from "../core/errors.js";
import { item2vec } from "../item2vec/item2vec.js";
import type { Item2vecProgress } from "../item2vec/learn.js";
import { neighboursOf } from "../item2vec/neighbours.js";
import { type Item2vecSettings, item2vecDefaults } from "../item2vec/settings.js";
import { counting, notNegative, number, positive, seed } from "./options.js";
import { count } from "./progress.js";

interface Flags extends Partial<Item2vecSettings> {
  data?: string[];
  model?: string;
  field?: string;
  sequenceBy?: string;
  negatives?: true;
  out: string;
  neighbors?: string;
  top: number;
  json?: true;
}

const usual = item2vecDefaults;
/** Milliseconds between two lines of progress. */
const PROGRESS_MS = 5000;

export function item2vecCommand(): Command {
  return new Command("item2vec")
    .option(
      "--data <file...>",
      "sequences, one per line: ids separated by blanks, tabs or commas, or a JSON array; with --model: events",
    )
    .requiredOption("--out <dir>", "directory of the vectors: vectors.npy, ids.tsv, item2vec.json")
    .option("--model <spec>", "read --data as events that this model spec describes")
    .option("--field <name>", "with --model: field or column whose values are the ids")
    .option(
      "--sequence-by <name>",
      "with --model: field or column that identifies the sequence, such as a user or a session",
    )
    .option("--negatives", "with --model: also use the ids of negative events")
    .option("--dim <n>", `dimension of the vectors (default: ${usual.dim})`, counting)
    .addOption(
      new Option("--architecture <name>", "skip-gram: every context id predicts the id; cbow: their mean does")
        .choices(["skip-gram", "cbow"])
        .default(usual.architecture),
    )
    .option("--window <n>", `context ids on each side, 1 to n (default: ${usual.window})`, counting)
    .option("--negative <n>", `negative samples per positive (default: ${usual.negative})`, counting)
    .option("--exponent <x>", `negatives are sampled by frequency to this power (default: ${usual.exponent})`, number)
    .option(
      "--sample <share>",
      `subsample ids with more than this share of all occurrences; 0: never (default: ${usual.sample})`,
      notNegative,
    )
    .option("--min-count <n>", `ids with fewer occurrences get no vector (default: ${usual.minCount})`, counting)
    .option("--epochs <n>", `passes over the sequences (default: ${usual.epochs})`, counting)
    .option("--rate <x>", "initial learning rate (default: 0.025, cbow 0.05)", positive)
    .option(
      "--seed <n>",
      `seed of initialisation and sampling: the same seed gives the same bytes (default: ${usual.seed})`,
      seed,
    )
    .option("--neighbors <id>", "print the nearest neighbours of this id; without --data, among the vectors in --out")
    .option("--top <k>", "number of neighbours to print", counting, 10)
    .option("--json", "print the report as one JSON object, the last line of stdout")
    .addHelpText(
      "after",
      `
Vectors are learned in one thread: the same data, settings and seed give the same bytes. A table of any encoding can
start from them and continues to learn; of longer vectors the first floats are used, and ids without a vector are
initialised as usual.

Examples:
  hashbrook item2vec --data sessions.txt --out runs/vectors
  hashbrook item2vec --model shop.yaml --data clicks.tsv --field item --sequence-by user --out runs/vectors --neighbors a1
  hashbrook train --model shop.yaml --data clicks.tsv --out runs/shop --init-table items=runs/vectors`,
    )
    .action(run);
}

async function run({ data, neighbors, top, json, out, ...flags }: Flags): Promise<void> {
  if (data === undefined && neighbors === undefined)
    throw new HashbrookError("usage", "no data given", {
      hint: "give --data FILE..., or --neighbors ID to search the vectors in --out",
    });
  const report = data && (await item2vec({ ...flags, data, out, onProgress: teller() }));
  const near = neighbors === undefined ? undefined : neighboursOf(out, neighbors, top);
  if (json) process.stdout.write(`${JSON.stringify({ ...(report ?? { out }), ...(near && { neighbors: near }) })}\n`);
  else {
    if (report)
      process.stdout.write(
        `${out}: vectors of ${report.dim} floats for ${count(report.ids)} ids, from ${count(report.words)} occurrences in ${count(report.sequences)} sequences\n`,
      );
    for (const { id, similarity } of near ?? []) process.stdout.write(`${similarity.toFixed(4)}\t${id}\n`);
  }
}

function teller(): (progress: Item2vecProgress) => void {
  let last = systemClock.now();
  return ({ epoch, words, seconds, done }) => {
    const now = systemClock.now();
    if (now - last < PROGRESS_MS) return;
    last = now;
    const rate = count(words / seconds);
    process.stderr.write(`${Math.floor(done * 100)} % · epoch ${epoch} · ${count(words)} ids, ${rate}/s\n`);
  };
}
