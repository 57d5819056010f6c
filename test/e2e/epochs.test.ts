import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, it } from "vitest";
import { Rng } from "../../src/core/rng.js";
import { cacheEvents } from "../../src/event-cache/cache-events.js";
import { simulate } from "../../src/sources/simulator/run.js";
import { evaluate } from "../../src/train/evaluation/evaluate.js";
import { type TrainOptions, train } from "../../src/train/train.js";
import { digests, endedAfterKills, kills, run, temporary } from "./hashbrook.js";

const folder = temporary();
const [whole, head, tail] = ["whole.tsv", "head.tsv", "tail.tsv"].map((name) => join(folder, name));
const ROWS = 6000;
/** Small enough to be memorised in a few epochs. */
const model = join(folder, "model.yaml");

beforeAll(async () => {
  const chunks: Uint8Array[] = [];
  await simulate({ rows: ROWS, seed: 9, format: "tsv", write: (bytes: Uint8Array) => void chunks.push(bytes.slice()) });
  const text = Buffer.concat(chunks).toString();
  writeFileSync(whole, text);
  const cut = text.indexOf("\n", Math.floor(text.length * 0.8) - 1) + 1;
  writeFileSync(head, text.slice(0, cut));
  writeFileSync(tail, text.slice(cut));
  const demo = readFileSync("features/ads-demo-lr.yaml", "utf8");
  writeFileSync(model, demo.replace("rows: 4_194_304", "rows: 65_536").replace("alpha: 0.1", "alpha: 0.5"));
});

const trained = (options: Partial<TrainOptions>) => {
  const out = options.out ?? temporary();
  return train({ model, data: whole, out, ...options }).then((report) => ({ ...report, out }));
};
/** The model's own files of a run's newest checkpoint. */
const weights = (out: string) =>
  Object.fromEntries(Object.entries(digests(out)).filter(([name]) => /(table-.*|dense)\.safetensors$/.test(name)));

describe("figures of several epochs", () => {
  it("cover events when first seen, for any number of epochs; those of seen events are separate", async () => {
    const once = await trained({});
    const thrice = await trained({ epochs: 3 });
    for (const key of ["auc", "logloss", "normalized_entropy", "calibration", "second_half", "last_tenth"] as const)
      expect(thrice[key]).toEqual(once[key]);
    expect([once.seen, thrice.examples, thrice.seen!.examples]).toEqual([null, 3 * ROWS, 2 * ROWS]);
    expect(thrice.seen!.auc!).toBeGreaterThan(once.auc! + 0.05);
    expect(thrice.oracle).toEqual(once.oracle);
  });

  it("of a resumed run are separate, too, in a batch that contains the end of an epoch", async () => {
    const out = temporary();
    await trained({ out, epochs: 2, limit: 512 * 13 });
    const resumed = await trained({ out, epochs: 2, resume: true });
    expect([resumed.logloss, resumed.seen]).toEqual([(await trained({})).logloss, (await trained({ epochs: 2 })).seen]);
  });

  it("--epochs without validation warns; the text lists seen events separately", async () => {
    const { stdout, stderr } = await run([
      "train",
      "--model",
      model,
      "--data",
      whole,
      "--epochs",
      "2",
      "--out",
      temporary(),
    ]);
    expect(stderr).toMatch(/^warning: --epochs 2 without --validate/);
    expect(stdout).toMatch(/never seen before .*\n[\s\S]*seen before .*memory, not quality/);
  });
});

describe("validation", () => {
  it("scores files after every epoch like eval, without affecting training", async () => {
    const plain = await trained({ data: head, epochs: 2 });
    const judged = await trained({ data: head, epochs: 2, validate: tail });
    expect(weights(judged.out)).toEqual(weights(plain.out));
    const { logloss, auc, examples } = await evaluate({ checkpoint: judged.out, data: tail });
    expect(judged.validation).toMatchObject({ epoch: 2, learned: judged.examples, logloss, auc, examples });
    expect(judged.validation!.epochs.map(({ epoch }) => epoch)).toEqual([1, 2]);
    expect(plain.validation).toBeNull();
  });

  it("holds out the last part of the stream, over several files, also compressed ones", async () => {
    const expected = await trained({ data: head, validate: tail });
    const one = await trained({ validateLast: 0.2 });
    expect([one.examples, one.validation!.logloss]).toEqual([expected.examples, expected.validation!.logloss]);
    expect(weights(one.out)).toEqual(weights(expected.out));
    const text = readFileSync(whole);
    const parts = [0.3, 0.7, 1].map((share) => text.indexOf("\n", Math.floor(text.length * share) - 2) + 1);
    const files = parts.map((end, i) => {
      const path = join(folder, `part-${i}.tsv${i === 1 ? "" : ".gz"}`);
      const content = text.subarray(parts[i - 1] ?? 0, end);
      writeFileSync(path, i === 1 ? content : gzipSync(content));
      return path;
    });
    const several = await trained({ data: files, validateLast: 0.2 });
    expect(weights(several.out)).toEqual(weights(one.out));
    expect(several.validation).toEqual(one.validation);
  });

  it("does not hold out half of a row whose quoted value contains line breaks", async () => {
    const at = temporary();
    const [data, spec, cached] = ["quoted.csv", "quoted.yaml", "cache"].map((name) => join(at, name));
    const rows = Array.from(
      { length: 400 },
      (_, i) => `${i % 2},u${i % 20},"one ${i}\n""two"", ${i}\n\nthree",a${i % 5}\n`,
    );
    writeFileSync(data, `label,user,text,ad\n${rows.join("")}`);
    const fields = "fields: [{ name: user, type: categorical, table: t }, { name: ad, type: categorical, table: t }]";
    const tables = "tables: { t: { encoding: hash, rows: 512, optimizer: { ftrl: {} } } }\ntower: lr";
    const events = "name: quoted\nevents: { format: csv, header: true }\nlabel: { field: label }";
    writeFileSync(spec, `${events}\n${fields}\n${tables}\n`);
    await cacheEvents({ model: spec, data, out: cached });
    for (const validateLast of [0.2, 0.21, 0.33, 0.4, 0.005, 0.99]) {
      const { examples, rejected, validation } = await trained({ model: spec, data, validateLast });
      expect([rejected, validation!.rejected, examples + validation!.examples]).toEqual([0, 0, 400]);
      const same = await trained({ model: spec, data: `cache:${cached}`, validateLast });
      expect(same).toMatchObject({ examples, validation: { logloss: validation!.logloss } });
    }
  });

  it("warns if validation events are earlier than training events, whether held out or given", async () => {
    const later = await trained({ validateLast: 0.2 });
    expect([later.validation!.earlier, later.warnings]).toEqual([0, []]);
    const reversed = join(folder, "reversed.tsv");
    writeFileSync(reversed, `${readFileSync(whole, "utf8").trim().split("\n").reverse().join("\n")}\n`);
    const warning = { code: "validation_earlier", field: "ts_ms", message: expect.stringMatching(/^100.0 % of the/) };
    const before = await trained({ data: reversed, validateLast: 0.2, epochs: 2 });
    expect(before).toMatchObject({ warnings: [{ code: "not_in_order" }, warning] });
    expect(before.validation!.earlier).toBe(before.validation!.examples);
    expect(await trained({ data: tail, validate: head })).toMatchObject({ warnings: [warning] });
  });

  it("warns if all validation events have one label, as the end of a sorted file: their AUC was a dash in silence", async () => {
    const sorted = join(folder, "sorted.tsv");
    writeFileSync(sorted, `${readFileSync(whole, "utf8").trim().split("\n").sort().join("\n")}\n`);
    const { warnings } = await trained({ data: sorted, validateLast: 0.05 });
    expect(warnings.map(({ code }) => code)).toContain("validation_one_class");
  });

  it("without any valid event warns, and --early-stop does not stop", async () => {
    const nothing = join(folder, "nothing.tsv");
    writeFileSync(nothing, "no event\n");
    const report = await trained({ validate: nothing, epochs: 3, earlyStop: 1 });
    const message = "no validation event could be read: 1 were rejected";
    expect(report).toMatchObject({ ended_by: "end", warnings: [{ code: "validation_empty", message }] });
    expect(report.validation!.best_epoch).toBeNull();
  });

  it("works if the run ends at its limit, and reports that no epoch has ended", async () => {
    const { validation } = await trained({ validateLast: 0.2, limit: 1024 });
    expect(validation).toMatchObject({ epoch: null, learned: 1024, best_epoch: null, epochs: [] });
    expect(validation!.examples).toBeGreaterThan(1000);
  });

  it("--early-stop ends a run that no longer improves with the best epoch's weights, also when resumed", async () => {
    const out = temporary();
    const options = { out, epochs: 30, validateLast: 0.2, earlyStop: 2 };
    const stopped = await trained(options);
    const { validation } = stopped;
    const losses = validation!.epochs.map(({ logloss }) => logloss!);
    expect(stopped.ended_by).toBe("early_stop");
    expect(validation!.best_epoch).toBe(losses.length - 2);
    expect(validation!.logloss).toBe(Math.min(...losses));
    expect((await evaluate({ checkpoint: out, data: tail })).logloss).toBe(validation!.logloss);
    const before = digests(out);
    const again = await trained({ ...options, resume: true });
    expect(again).toMatchObject({ ended_by: "early_stop", examples_this_run: 0, validation });
    expect(digests(out)).toEqual(before);
  });

  it("--early-stop of a resumed run does not fail for want of a best epoch that the first run did not save", async () => {
    const out = temporary();
    const first = await trained({ out, epochs: 4, validateLast: 0.2 });
    const { best_epoch, epoch } = first.validation!;
    expect(best_epoch).toBeLessThan(epoch!);
    const options = { out, epochs: 30, validateLast: 0.2, earlyStop: 2, resume: true };
    const { validation, ended_by } = await trained(options);
    const later = validation!.epochs.slice(4).map(({ logloss }) => logloss!);
    expect([ended_by, validation!.logloss]).toEqual(["early_stop", Math.min(...later)]);
    expect((await evaluate({ checkpoint: out, data: tail })).logloss).toBe(validation!.logloss);
  });

  it("--early-stop of a resumed run keeps the epoch it continues from, if that is the best", async () => {
    const out = temporary();
    const first = await trained({ out, epochs: 1, validateLast: 0.2 });
    const weak = { out, epochs: 30, validateLast: 0.2, earlyStop: 1, resume: true };
    const { validation } = await trained(weak);
    expect(validation!.epochs[0]).toEqual(first.validation!.epochs[0]);
    expect(validation!.logloss).toBe(Math.min(...validation!.epochs.map(({ logloss }) => logloss!)));
    expect((await evaluate({ checkpoint: out, data: tail })).logloss).toBe(validation!.logloss);
  });

  it("gives the same bytes when repeatedly killed and resumed", { timeout: 300_000 }, async () => {
    const flags = ["--epochs", "12", "--validate-last", "20%", "--early-stop", "4", "--checkpoint-every", "700"];
    const args = (out: string) => ["train", "--model", model, "--data", whole, "--out", out, "--resume", ...flags];
    const [calm, killed] = [temporary(), temporary()];
    expect((await run(args(calm))).status).toBe(0);
    const deaths = kills(5, 8);
    expect(await endedAfterKills(args(killed), deaths, new Rng(5))).toBe(deaths);
    expect(digests(killed)).toEqual(digests(calm));
  });

  it("refuses unsupported combinations with a hint", async () => {
    const refused = (options: Partial<TrainOptions>) => expect(trained(options)).rejects;
    await refused({ validate: tail, validateLast: 0.2 }).toMatchObject({ code: "usage" });
    await refused({ earlyStop: 1 }).toMatchObject({ code: "usage", hint: expect.stringContaining("--validate") });
    await refused({ validateLast: 1 }).toMatchObject({ code: "usage" });
    await refused({ data: "-", validateLast: 0.2 }).toMatchObject({ message: expect.stringContaining("pipe") });
    await refused({ validate: "-" }).toMatchObject({ code: "usage" });
    await refused({ epochs: 0 }).toMatchObject({ code: "usage" });
    const out = temporary();
    await trained({ out, validateLast: 0.2, limit: 1024 });
    await refused({ out, validateLast: 0.3, resume: true }).toMatchObject({ code: "source_changed" });
  });
});
