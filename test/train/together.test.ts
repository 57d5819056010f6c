import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { Round, TogetherOptions } from "../../src/train/together/options.js";
import { trainTogether } from "../../src/train/together/together.js";
import { type TrainOptions, train } from "../../src/train/train.js";
import { digests, simulated, temporary } from "../e2e/hashbrook.js";

const ROWS = 9000;
const folder = temporary();
const data = join(folder, "events.tsv");
const spec = (name: string) => join(folder, `${name}.yaml`);
/** Two models with the same decoding, one with a field less and another batch size, one with a tower. */
const names = ["lr", "lr-fast", "lr-narrow", "tower"] as const;
const contenders = (out: string, which: readonly string[] = names) =>
  which.map((name) => ({ name, spec: spec(name), out: join(out, name) }));

beforeAll(async () => {
  const lines = (await simulated(ROWS, 5)).trimEnd().split("\n");
  // One row is malformed for all, one only for models that read the price.
  lines[4000] = lines[4000].replace(/^\S+/, "?");
  lines[5000] = lines[5000].split("\t").with(-3, "dear").join("\t");
  writeFileSync(data, `${lines.join("\n")}\n`);
  const lr = readFileSync("features/ads-demo-lr.yaml", "utf8")
    .replace("rows: 4_194_304", "rows: 65_536")
    .concat("train: { batch: 512 }\n");
  const tower = readFileSync("features/ads-demo.yaml", "utf8").replace(/residual: \[[^\]]*\]/, "residual: [16]");
  writeFileSync(spec("lr"), lr);
  writeFileSync(spec("lr-fast"), lr.replace("alpha: 0.1", "alpha: 3"));
  writeFileSync(spec("lr-narrow"), narrow(lr));
  writeFileSync(spec("tower"), tower);
});

/** Without the price, with another batch size. */
function narrow(lr: string): string {
  const without = lr.replace(/^ {2}- \{ name: price.*\n/m, "");
  return without.replace("batch: 512", "batch: 300");
}

/** All files of a run's directory. */
const left = (out: string) => [digests(out), readdirSync(out).sort()];

/** The files of a model trained alone. Always the same, so it is trained once. */
async function alone(name: string, options: Partial<TrainOptions> = {}) {
  const key = JSON.stringify([name, options]);
  const known = leftAlone.get(key);
  if (known) return known;
  const out = temporary();
  await train({ model: spec(name), data, out, threads: 1, ...options });
  const found = left(out);
  leftAlone.set(key, found);
  return found;
}

const leftAlone = new Map<string, ReturnType<typeof left>>();

async function together(options: Partial<TogetherOptions> & { out?: string; which?: readonly string[] } = {}) {
  const { out = temporary(), which, ...rest } = options;
  const report = await trainTogether({ contenders: contenders(out, which), data, threads: 1, ...rest });
  return { out, report };
}

describe("models that learn together", () => {
  it("write the same bytes as alone, for any data, batch sizes and number of threads", async () => {
    const wanted = [];
    for (const name of names) wanted.push(await alone(name));
    for (const workers of [1, 3]) {
      const { out, report } = await together({ workers });
      for (const [i, name] of names.entries()) expect(left(join(out, name)), name).toEqual(wanted[i]);
      expect(report.contenders.map(({ report }) => report?.rejected)).toEqual([3, 3, 2, 3]);
      expect([report.decoders, report.workers]).toEqual([3, workers]);
    }
  });

  it("do so over several epochs and with validation, which stops each as it would stop alone", async () => {
    const options = { epochs: 3, validateLast: 0.2, earlyStop: 1 };
    const which = ["lr", "lr-fast"];
    const { out, report } = await together({ which, ...options });
    for (const name of which) expect(left(join(out, name)), name).toEqual(await alone(name, options));
    expect(report.contenders.map(({ report }) => report!.validation!.epochs.length)).toContain(2);
  });

  it("reach the same bytes if they were stopped at different positions and continue together", async () => {
    const which = ["lr", "lr-fast", "tower"];
    const out = temporary();
    for (const [i, name] of which.entries())
      await train({ model: spec(name), data, out: join(out, name), threads: 1, limit: 512 * (2 + 5 * i) });
    const { report } = await together({ out, which, resume: true });
    for (const name of which) expect(left(join(out, name))[0], name).toEqual((await alone(name))[0]);
    // The comparison covers what all of them learned now.
    expect(report.pairs.map(({ events }) => events)).toEqual([2558, 2558]);
    expect(report.decoders).toBe(2);
  });

  it("do so over the next day's file", async () => {
    const next = join(folder, "next.tsv");
    writeFileSync(next, await simulated(2000, 6));
    const which = ["lr", "tower"];
    const { out } = await together({ which });
    await together({ out, which, data: next, resume: true });
    const one = temporary();
    for (const day of [data, next]) await train({ model: spec("lr"), data: day, out: one, resume: true });
    expect(left(join(out, "lr"))).toEqual(left(one));
  });
});

describe("rounds", () => {
  it("compare models on the same events, identically for any number of threads; a dropped model is saved at that point", async () => {
    const played: Round[][] = [];
    for (const workers of [1, 2]) {
      const rounds: Round[] = [];
      const onRound = (round: Round) => {
        rounds.push(round);
        return round.round === 2 ? { drop: ["lr-fast"] } : undefined;
      };
      const which = ["lr", "lr-fast", "tower"];
      const { out, report } = await together({ which, workers, roundExamples: 2000, onRound });
      played.push(rounds);
      expect(report.contenders.map(({ dropped }) => dropped)).toEqual([null, 2, null]);
      expect(left(join(out, "lr-fast"))).toEqual(await alone("lr-fast", { limit: 4096 }));
      expect(left(join(out, "tower"))).toEqual(await alone("tower"));
    }
    expect(played[0].map(({ events, contenders }) => [events, ...contenders.map(({ examples }) => examples)])).toEqual([
      [2048, 2048, 2048, 2048],
      [4096, 4096, 4096, 4096],
      [6144, 6144, 6144],
      [8192, 8192, 8192],
    ]);
    const facts = (round: Round) => ({ ...round, contenders: round.contenders.map(({ bytes: _, ...rest }) => rest) });
    expect(played[1].map(facts)).toEqual(played[0].map(facts));
  });

  it("compare the same events although a model rejects some of them: later ones moved into the next block", async () => {
    const rejected = new Set(Array.from({ length: 300 }, (_, i) => (i * 7919 + 11) % ROWS));
    const lines = (await simulated(ROWS, 6)).trimEnd().split("\n");
    const broken = lines.map((line, i) => (rejected.has(i) ? line.split("\t").with(-3, "dear").join("\t") : line));
    const file = join(folder, "rejected.tsv");
    writeFileSync(file, `${broken.join("\n")}\n`);
    const counted: number[][] = [];
    const onRound = ({ contenders: each }: Round) => {
      counted.splice(0, 2, ...each.map(({ scores }) => scores.blocks.map(({ events }) => events)));
      return undefined;
    };
    await together({ which: ["lr-narrow", "lr"], data: file, roundExamples: 2000, onRound });
    const inBlock = (b: number) => [...rejected].filter((row) => Math.floor(row / 512) === b).length;
    const [narrow, whole] = counted;
    expect(narrow.length).toBeGreaterThan(10);
    expect(narrow).toEqual(narrow.map(() => 512));
    expect(whole).toEqual(whole.map((_, b) => 512 - inBlock(b)));
  });

  it("may drop a contender that has not saved anything, or all of them", async () => {
    const verdicts = [{ drop: ["lr-fast"], discard: true }, { stop: true }];
    const onRound = ({ round }: Round) => verdicts[round - 1];
    const { out, report } = await together({ which: ["lr", "lr-fast"], roundExamples: 1024, onRound });
    expect(report.contenders.map(({ dropped, report }) => [dropped, report?.ended_by])).toEqual([
      [null, "stopped"],
      [1, undefined],
    ]);
    expect(readdirSync(join(out, "lr-fast")).filter((name) => name.startsWith("checkpoint"))).toEqual([]);
    expect(report.contenders[0].report!.examples).toBeLessThan(ROWS / 2);
  });
});

describe("a contender", () => {
  it("that fails is reported and dropped, and the others continue", async () => {
    const { out, report } = await together({ which: ["lr", "lr-narrow"], maxRejects: 2 });
    const [failed, other] = report.contenders;
    expect(failed).toMatchObject({ name: "lr", report: null, error: { code: "too_many_rejects" } });
    expect([other.error, other.report!.examples]).toEqual([null, ROWS - 2]);
    expect(left(join(out, "lr-narrow"))).toEqual(await alone("lr-narrow"));
    // Nothing locks the directory of the one that failed.
    await together({ out, which: ["lr"] });
  });

  it("that is the last one to fail ends the run with its error", async () => {
    await expect(together({ which: ["lr", "tower"], maxRejects: 0 })).rejects.toMatchObject({
      code: "too_many_rejects",
      message: expect.stringMatching(/^lr: /),
    });
  });

  it("that cannot start keeps all from starting, and releases every directory", async () => {
    const out = temporary();
    await train({ model: spec("lr-fast"), data, out: join(out, "lr-fast"), limit: 512 });
    await expect(together({ out, which: ["lr", "lr-fast"] })).rejects.toMatchObject({
      code: "output_exists",
      message: expect.stringMatching(/^lr-fast: /),
    });
    await together({ out, which: ["lr"] });
  });

  it("must have its own name and directory", async () => {
    const one = { name: "a", spec: spec("lr"), out: temporary() };
    await expect(trainTogether({ contenders: [one, { ...one, out: temporary() }], data })).rejects.toThrow(
      "two models are named a",
    );
    await expect(trainTogether({ contenders: [one, { ...one, name: "b" }], data })).rejects.toThrow("two models write");
    await expect(trainTogether({ contenders: [], data })).rejects.toThrow("no models given");
  });
});

it("standard input cannot be read twice", async () => {
  await expect(together({ which: ["lr", "tower"], data: "-" })).rejects.toThrow(
    /-: can be read only once, but lr and tower read events differently/,
  );
});
