import { Command, Option } from "commander";
import { systemClock } from "../core/clock.js";
import { HashbrookError } from "../core/errors.js";
import { item2vec, neighboursOf } from "../item2vec/item2vec.js";
import { type Item2vecProgress, type Item2vecSettings, item2vecDefaults } from "../item2vec/learn.js";
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
/** Between two lines of progress. */
const PROGRESS_MS = 5000;

export function item2vecCommand(): Command {
  return new Command("item2vec")
    .description("Learn vectors of ids from the sequences they come in (word2vec), to start tables from")
    .option(
      "--data <file...>",
      "sequences, a line each: ids with blanks, tabs or commas between, or a JSON array; with --model events",
    )
    .requiredOption("--out <dir>", "folder of the vectors: vectors.npy, ids.tsv, item2vec.json")
    .option("--model <spec>", "the data are events as this model spec describes them")
    .option("--field <name>", "with --model: whose values are the ids, a field or column")
    .option("--sequence-by <name>", "with --model: whose values tell sequences apart, a user or a session")
    .option("--negatives", "with --model: takes the ids of negative events, too")
    .option("--dim <n>", `floats of a vector (default: ${usual.dim})`, counting)
    .addOption(
      new Option("--architecture <name>", "each id near by tells the id, or their mean does")
        .choices(["skip-gram", "cbow"])
        .default(usual.architecture),
    )
    .option("--window <n>", `ids looked at on each side, 1 to n (default: ${usual.window})`, counting)
    .option("--negative <n>", `drawn ids for each that is there (default: ${usual.negative})`, counting)
    .option("--exponent <x>", `drawn as often as they occur to this power (default: ${usual.exponent})`, number)
    .option(
      "--sample <share>",
      `ids of more of all occurrences are left out now and then; 0: never (default: ${usual.sample})`,
      notNegative,
    )
    .option("--min-count <n>", `ids that occur less often have no vector (default: ${usual.minCount})`, counting)
    .option("--epochs <n>", `passes over the sequences (default: ${usual.epochs})`, counting)
    .option("--rate <x>", "learning rate at the start (default: 0.025, cbow 0.05)", positive)
    .option("--seed <n>", `of starts and draws: the same seed gives the same bytes (default: ${usual.seed})`, seed)
    .option("--neighbors <id>", "print the nearest ids of this one; without --data, of the vectors in --out")
    .option("--top <k>", "so many of them", counting, 10)
    .option("--json", "print the report as one JSON object, the last line of stdout")
    .addHelpText(
      "after",
      `
Vectors are learned in one thread: the same data, settings and seed give the same bytes. A table of any encoding starts from them, and keeps
them while it learns; a longer vector gives its first floats, an id without a vector starts as it would.

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
      hint: "--data FILE..., or --neighbors ID to look into --out",
    });
  const report = data && (await item2vec({ ...flags, data, out, onProgress: teller() }));
  const near = neighbors === undefined ? undefined : neighboursOf(out, neighbors, top);
  if (json) process.stdout.write(`${JSON.stringify({ ...(report ?? { out }), ...(near && { neighbors: near }) })}\n`);
  else {
    if (report)
      process.stdout.write(
        `${count(report.ids)} ids of ${count(report.words)} in ${count(report.sequences)} sequences, ${report.dim} floats each: ${out}\n`,
      );
    for (const { id, similarity } of near ?? []) process.stdout.write(`${similarity.toFixed(4)}\t${id}\n`);
  }
}

function teller(): (progress: Item2vecProgress) => void {
  const start = systemClock.now();
  let last = start;
  return ({ epoch, words, done }) => {
    const now = systemClock.now();
    if (now - last < PROGRESS_MS) return;
    last = now;
    const rate = (words / (now - start)) * 1000;
    process.stderr.write(`${Math.floor(done * 100)} % · epoch ${epoch} · ${count(words)} ids, ${count(rate)}/s\n`);
  };
}
