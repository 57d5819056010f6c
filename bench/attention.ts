import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type HistorySource, histories } from "./lib/histories.js";
import { round, trainOnce } from "./lib/run.js";

const SPEC = "features/tmall-attention.yaml";

interface Stream {
  readonly source: HistorySource;
  /** The number of first items; absent: all. */
  readonly taken?: number;
  /**
   * Initial size of both models' rows. On games nothing is learned until vectors differ: with rows of 0.01 both models stay near chance for
   * 10,000 to 300,000 events, depending on the seed.
   */
  readonly init: number;
}

/** About 1.4 million events, and half a million. */
const tmall: Stream = { source: "tmall", init: 0.01 };
const games: Stream = { source: "amazon-games", taken: 120_000, init: 0.03 };

/** What attention over a user's history gains over the history's mean: one pass, every event scored before it is learned. */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  const seeds = smoke ? [1] : [1, 2, 3];
  return {
    what: "progressive AUC of the next items taken, with attention over the history and with its mean, the same tower, paired by seed",
    tmall: compare(tmall, seeds, smoke),
    "amazon-games": compare(games, seeds, smoke),
  };
}

function compare({ source, taken, init }: Stream, seeds: readonly number[], smoke: boolean): object {
  const data = histories(source, smoke ? 5_000 : taken);
  if (!data) return { skipped: `no data for ${source}` };
  const pairs = seeds.map((seed) => [
    trainOnce(variant(init, seed, true), data),
    trainOnce(variant(init, seed, false), data),
  ]);
  const [attention, mean] = [0, 1].map((side) => summary(pairs.map((pair) => pair[side])));
  const gains = pairs.map(([a, b]) => (a.auc ?? 0) - (b.auc ?? 0));
  const gain = average(gains);
  const spread = Math.sqrt(average(gains.map((one) => (one - gain) ** 2)) / Math.max(1, gains.length - 1));
  if (!smoke && gain < 3 * spread) throw new Error(`${source}: attention gains ${gain} ± ${spread}`);
  return {
    init,
    examples: pairs[0][0].examples,
    attention,
    mean,
    gain: round(gain, 5),
    standard_error: round(spread, 5),
  };
}

function summary(reports: readonly ReturnType<typeof trainOnce>[]): object {
  const over = (of: (report: (typeof reports)[number]) => number | null) => average(reports.map((one) => of(one) ?? 0));
  return {
    auc: round(over(({ auc }) => auc)),
    auc_second_half: round(over(({ second_half }) => second_half.auc)),
    auc_last_tenth: round(over(({ last_tenth }) => last_tenth.auc)),
    logloss: round(over(({ logloss }) => logloss)),
    examples_per_second: Math.round(over(({ examples_per_second }) => examples_per_second)),
  };
}

/** The shipped spec with another seed and other initial rows, and optionally without attention. */
function variant(init: number, seed: number, attention: boolean): string {
  const text = readFileSync(SPEC, "utf8").replaceAll("dim: 16", `dim: 16, init: ${init}`);
  const path = join(mkdtempSync(join(tmpdir(), "hashbrook-spec-")), "spec.yaml");
  writeFileSync(path, `${attention ? text : text.replace(/^attention: .*$/m, "")}train: { seed: ${seed} }\n`);
  return path;
}

const average = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;
