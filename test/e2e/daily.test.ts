import { appendFileSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeEach, describe, expect, it } from "vitest";
import { Rng } from "../../src/core/rng.js";
import { simulate } from "../../src/sources/simulator/run.js";
import { type TrainOptions, train } from "../../src/train/train.js";
import { digests, endedAfterKills, kills, run, temporary } from "./hashbrook.js";

const DAY = 3000;
let folder: string;
let out: string;
let days: string[];
let model: string;

const events = async (seed: number, rows = DAY) => {
  const chunks: Uint8Array[] = [];
  await simulate({ rows, seed, format: "tsv", write: (bytes) => void chunks.push(bytes.slice()) });
  return Buffer.concat(chunks);
};
const contents = await Promise.all([1, 2, 3].map((seed) => events(seed)));

beforeEach(() => {
  folder = temporary();
  out = join(folder, "run");
  model = join(folder, "model.yaml");
  writeFileSync(model, readFileSync("features/ads-demo-lr.yaml", "utf8").replace("rows: 4_194_304", "rows: 4096"));
  days = contents.map((content, i) => {
    const path = join(folder, `day-${i + 1}.tsv`);
    writeFileSync(path, content);
    return path;
  });
});

const learn = (data: string | readonly string[], options: Partial<TrainOptions> = {}) =>
  train({ model, out, data, resume: true, ...options });
const refused = (data: string | readonly string[], options: Partial<TrainOptions> = {}) =>
  expect(learn(data, options)).rejects;
const metaOf = (directory: string) => {
  const newest = readdirSync(directory)
    .filter((name) => name.startsWith("checkpoint-"))
    .sort()
    .at(-1)!;
  return JSON.parse(readFileSync(join(directory, newest, "manifest.json"), "utf8")).meta;
};
/** The model's own files of a run's newest checkpoint. */
const weights = (directory: string) =>
  Object.entries(digests(directory)).filter(([name]) => /(table-.*|dense)\.safetensors$/.test(name));

describe("a file a day", () => {
  it("is learned by another machine that pulled the run, to the same bytes", async () => {
    const address = `objects:${join(folder, "store")}`;
    // A malformed event: rejected rows are kept.
    appendFileSync(days[0], "no event\n");
    await learn(days[0]);
    expect((await run(["push", "--checkpoint", out, "--store", address])).stderr).toBe("");
    const there = join(folder, "there");
    const pulled = await run(["pull", "--store", address, "--out", there, "--json"]);
    expect(JSON.parse(pulled.stdout)).toMatchObject({ examples: DAY });
    await Promise.all([learn(days[1]), learn(days[1], { out: there })]);
    expect(weights(there)).toEqual(weights(out));
    expect((await run(["push", "--checkpoint", there, "--store", address])).status).toBe(0);
    expect((await run(["push", "--checkpoint", out, "--store", address])).stdout).toContain("all already present");
  });

  it("is learned after yesterday's, whose file is gone", async () => {
    await learn(days[0]);
    rmSync(days[0]);
    const second = await learn(days[1]);
    expect([second.examples, second.examples_this_run, second.known_files]).toEqual([2 * DAY, DAY, []]);
    rmSync(days[1]);
    expect((await learn(days[2])).examples).toBe(3 * DAY);
    expect(metaOf(out).learned.map((text: string) => text.split(" ").at(-1))).toEqual(["day-1.tsv", "day-2.tsv"]);
  });

  it("is learned once, under any name, and the error says when", async () => {
    await learn(days[0]);
    await learn(days[1]);
    const renamed = join(folder, "old.tsv");
    renameSync(days[0], renamed);
    const before = digests(out);
    await refused(renamed).toMatchObject({
      code: "already_learned",
      message: expect.stringMatching(/old\.tsv: was already learned, as day-1\.tsv, in examples 1 to 3,000/),
      hint: expect.stringContaining("--again"),
    });
    expect(digests(out)).toEqual(before);
  });

  it("is found among the matches of a pattern: known files are skipped and named", async () => {
    await learn(days[0]);
    await learn(days[1]);
    const report = await learn(join(folder, "day-*.tsv"));
    expect(report.examples_this_run).toBe(DAY);
    expect(report.known_files).toMatchObject([
      { name: days[0], first: 1, last: DAY, went_on_behind_line: null },
      { name: days[1], first: DAY + 1, last: 2 * DAY },
    ]);
  });

  it("is not learned again after a day with a header and no events", async () => {
    writeFileSync(model, readFileSync(model, "utf8").replace("format: tsv", "format: tsv\n  header: true"));
    const columns = [...readFileSync(model, "utf8").matchAll(/^ {4}- (\w+)$/gm)].map(([, name]) => name);
    const header = Buffer.from(`${columns.join("\t")}\n`);
    for (const [i, day] of days.entries())
      writeFileSync(day, Buffer.concat([header, i === 1 ? Buffer.alloc(0) : contents[i]]));
    await learn(days[0]);
    expect((await learn(days[1])).examples).toBe(DAY);
    await refused(days[0]).toMatchObject({ code: "already_learned" });
    const third = await learn(days[2]);
    expect([third.examples, third.known_files]).toEqual([2 * DAY, []]);
    await refused(days.slice(0, 1)).toMatchObject({ code: "already_learned" });
  });

  it("given again at once is no error and changes nothing: a restarted job succeeds", async () => {
    await learn(days[0]);
    await learn(days[1]);
    const before = digests(out);
    expect(await learn(days[1])).toMatchObject({ examples_this_run: 0, ended_by: "end" });
    expect(await learn(days.slice(0, 2))).toMatchObject({ examples_this_run: 0 });
    expect(digests(out)).toEqual(before);
  });

  it("is not learned again from a copy, or its own beginning, that is given after it, too: the report said skipped", async () => {
    await learn(days[0]);
    const [copy, part] = ["copy.tsv", "part.tsv"].map((name) => join(folder, name));
    writeFileSync(copy, contents[0]);
    writeFileSync(part, contents[0].subarray(0, contents[0].indexOf("\n", contents[0].length >> 1) + 1));
    const again = await learn([days[0], copy, part]);
    expect([again.examples, again.examples_this_run]).toEqual([DAY, 0]);
    expect(again.known_files.map(({ name }) => name)).toEqual([days[0], copy, part]);
  });

  it("--again learns it once more; its events count as seen", async () => {
    const first = await learn(days[0]);
    await learn(days[0], { again: true, limit: 1024 });
    const again = await learn(days[0], { again: true });
    expect([again.examples, again.logloss, again.seen!.examples]).toEqual([2 * DAY, first.logloss, DAY]);
    expect(again.seen!.logloss!).toBeLessThan(first.logloss!);
  });

  it("counts --limit from its own start, and continues after it", async () => {
    await learn(days[0]);
    expect(await learn(days[1], { limit: 1000 })).toMatchObject({ examples: DAY + 1000, ended_by: "limit" });
    expect(await learn(days[1])).toMatchObject({ examples: 2 * DAY, examples_this_run: DAY - 1000 });
  });

  it("may be given twice in one list: the second time counts as seen", async () => {
    const copy = join(folder, "copy.tsv");
    writeFileSync(copy, contents[0]);
    const report = await learn([days[0], days[1], copy]);
    expect([report.examples, report.seen!.examples]).toEqual([3 * DAY, DAY]);
  });

  it("may replace yesterday's under the same name", async () => {
    const today = join(folder, "today.tsv");
    for (const content of contents) {
      writeFileSync(today, content);
      await learn(today);
    }
    expect((await learn(today)).examples).toBe(3 * DAY);
  });
});

describe("a partly learned file", () => {
  it("continues in its middle, under another name and after other files, and others may come first", async () => {
    await learn(days[0], { limit: 1024 });
    const other = await learn(days[1]);
    expect(other.left_files).toMatchObject([{ name: "day-1.tsv", went_on_behind_line: 1024 }]);
    const renamed = join(folder, "rest.tsv");
    renameSync(days[0], renamed);
    const rest = await learn([days[2], renamed]);
    expect(rest.known_files).toMatchObject([{ name: renamed, learned_as: "day-1.tsv", went_on_behind_line: 1024 }]);
    expect([rest.examples, rest.seen]).toEqual([3 * DAY, null]);
    expect(metaOf(out).learned).toHaveLength(2);
  });

  it("that has grown continues after the learned part, as if the rest were a separate file", async () => {
    const log = join(folder, "log.tsv");
    writeFileSync(log, contents[0]);
    await learn(log);
    appendFileSync(log, contents[1]);
    expect(await learn(log)).toMatchObject({ examples: 2 * DAY, known_files: [{ went_on_behind_line: DAY }] });
    appendFileSync(log, contents[2]);
    await learn(log, { epochs: 2 });
    const [apart, epochs] = [join(folder, "apart"), { epochs: 2 }];
    await learn(days[0], { out: apart });
    await learn(days[1], { out: apart });
    const { seen } = await learn(days[2], { out: apart, ...epochs });
    expect(seen!.examples).toBe(DAY);
    expect(weights(out)).toEqual(weights(apart));
  });

  it("is recognised in compressed form, also if it has grown or has a header", async () => {
    const header = readFileSync("features/ads-demo-lr.yaml", "utf8")
      .match(/- (\w+)\n/g)!
      .map((line) => line.slice(2, -1));
    const csv = join(folder, "log.tsv.gz");
    writeFileSync(model, readFileSync(model, "utf8").replace("format: tsv", "format: tsv\n  header: true"));
    const text = Buffer.from(`${header.join("\t")}\n`);
    writeFileSync(csv, gzipSync(Buffer.concat([text, contents[0]])));
    await learn(csv);
    writeFileSync(csv, gzipSync(Buffer.concat([text, contents[0], contents[1]])));
    expect(await learn(csv)).toMatchObject({ examples: 2 * DAY, rejected: 0 });
    const plain = join(folder, "plain.tsv");
    writeFileSync(plain, Buffer.concat([text, contents[0], contents[1]]));
    expect(await learn(plain)).toMatchObject({ examples_this_run: 0, known_files: [{ learned_as: "log.tsv.gz" }] });
  });

  it("is refused if its last line was learned before it was complete", async () => {
    const log = join(folder, "log.tsv");
    writeFileSync(log, contents[0].subarray(0, -1));
    await learn(log);
    appendFileSync(log, `99\n${contents[1]}`);
    await refused(log).toMatchObject({ code: "source_changed", message: expect.stringContaining("line 3000") });
  });

  it("is refused if its content has changed, so that it cannot be continued", async () => {
    await learn(days[0], { limit: 1024 });
    writeFileSync(days[0], contents[1]);
    await refused(days[0]).toMatchObject({ code: "source_changed" });
  });

  it("whose last part was held out can be learned completely later", async () => {
    const held = await learn(days[0], { validateLast: 0.2 });
    expect(await learn(days[0], { validateLast: 0.2 })).toMatchObject({ examples_this_run: 0 });
    expect((await learn(days[0])).examples).toBe(DAY);
    expect(held.examples).toBeLessThan(DAY);
  });
});

it("a run over new files gives the same bytes when repeatedly killed", { timeout: 300_000 }, async () => {
  const calm = join(folder, "calm");
  for (const to of [calm, out]) await learn(days[0], { out: to });
  await learn(days.slice(1), { out: calm });
  const args = ["train", "--model", model, "--out", out, "--resume", "--checkpoint-every", "300", "--data"];
  const deaths = kills(4, 6);
  expect(await endedAfterKills([...args, ...days.slice(1)], deaths, new Rng(5))).toBe(deaths);
  expect(digests(out)).toEqual(digests(calm));
});

it("resuming from a topic after files is an error with a hint", async () => {
  await learn(days[0]);
  const topic = { kafka: { brokers: ["127.0.0.1:1"] }, topic: "ads", group: "ads" } as unknown as TrainOptions["topic"];
  await refused([], { topic }).toMatchObject({ code: "source_changed", hint: expect.stringContaining("--out") });
});

it("a checkpoint from before lists were remembered continues with new files", async () => {
  await learn(days[0]);
  const directory = join(out, readdirSync(out).find((name) => name.startsWith("checkpoint-"))!);
  const { CheckpointStore } = await import("../../src/checkpoints/store.js");
  const store = new CheckpointStore(out);
  const { meta, blocks } = store.load(directory).content();
  const { pass: _, ...older } = meta;
  rmSync(directory, { recursive: true });
  store.save(DAY, { meta: older, blocks });
  expect((await learn(days[1])).examples).toBe(2 * DAY);
  await refused(days[0]).toMatchObject({ code: "already_learned" });
});
