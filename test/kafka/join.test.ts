import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Rng } from "../../src/core/rng.js";
import { simulate } from "../../src/sources/simulator/run.js";
import { byKey, keyedSpec, labelledSpec } from "../e2e/by-key.js";
import { digests, ended, endedAfterKills, report, run, start, temporary } from "../e2e/hashbrook.js";
import { JOIN, JOINED } from "../small-specs.js";
import { describeKafka, type TestKafka } from "./harness.js";
import { training, waitForLog } from "./trainers.js";

const ROWS = 6000;
/** Fifty in `npm run test:soak`. */
const KILLS = Number(process.env.HASHBROOK_KILLS ?? 4);
const LASTING = { "retention.ms": "-1" };

/** The simulator's stream three times: labelled, without labels, and its clicks. */
async function streams(rows = ROWS) {
  const text: Record<"labelled" | "shown" | "clicks", string> = { labelled: "", shown: "", clicks: "" };
  const into = (name: keyof typeof text) => (bytes: Uint8Array) => {
    text[name] += Buffer.from(bytes).toString();
  };
  const split = { impressions: into("shown"), clicks: into("clicks"), window: 900_000 };
  await simulate({ rows, seed: 5, format: "tsv", write: into("labelled"), split });
  const lines = (name: keyof typeof text) => text[name].trimEnd().split("\n");
  return { labelled: lines("labelled"), shown: lines("shown"), clicks: lines("clicks") };
}

/** Views, taps on them and purchases, some without a tap, ordered by time. */
async function mixedShop(): Promise<string[]> {
  const text = { views: "", taps: "" };
  const into = (name: keyof typeof text) => (bytes: Uint8Array) => {
    text[name] += Buffer.from(bytes).toString();
  };
  const split = { impressions: into("views"), clicks: into("taps"), window: 900_000 };
  await simulate({ rows: 4000, seed: 5, format: "json", write: () => {}, split });
  const [views, taps] = [text.views, text.taps].map((lines) => lines.trimEnd().split("\n"));
  const parsed = [...taps, ...views.slice(0, 300)].map(
    (line) => JSON.parse(line) as { event_id: string; ts_ms: number },
  );
  const buys = parsed
    .filter((_, i) => i % 3 === 0)
    .map(({ event_id, ts_ms }) => JSON.stringify({ event_id, ts_ms: ts_ms + 40_000 }));
  const withKind = (kind: string) => (line: string) => `${line.slice(0, -1)},"kind":"${kind}"}`;
  const time = (line: string) => Number(/"ts_ms":(\d+)/.exec(line)![1]);
  const lines = [...views.map(withKind("view")), ...taps.map(withKind("tap")), ...buys.map(withKind("buy"))];
  return lines.sort((a, b) => time(a) - time(b));
}

/** Digests of the learned state, without the position and the latest ids. */
function weightsOf(out: string): Record<string, string> {
  const found = Object.entries(digests(out)).map(([name, digest]) => [name.replace(/^checkpoint-\d+./, ""), digest]);
  return Object.fromEntries(found.filter(([name]) => name.endsWith(".safetensors") && name !== "dedup.safetensors"));
}

const all = await streams();
const timeOf = (click: string) => Number(click.split("\t")[1]);

/** Each repeated, in another order, none after one that is newer by more than the spec's lateness. */
function shuffled(clicks: readonly string[], times: number): string[] {
  const rng = new Rng(9);
  return clicks
    .flatMap((click) => Array.from({ length: times }, () => ({ click, place: timeOf(click) + rng.below(60_000) })))
    .sort((a, b) => a.place - b.place)
    .map(({ click }) => click);
}

const spread = (values: readonly string[], partitions: number) =>
  values.map((value, i) => ({ value, partition: i % partitions }));

async function topics(kafka: TestKafka, events: readonly string[], clicks: readonly string[], partitions: number) {
  const [topic, clicksTopic] = [await kafka.topic(2, LASTING), await kafka.topic(partitions, LASTING)];
  await kafka.produce(topic, spread(events, 2));
  await kafka.produce(clicksTopic, spread(clicks, partitions));
  return { topic, clicksTopic };
}

async function predictions(checkpoint: string): Promise<string> {
  const out = join(temporary(), "p.txt");
  await run(["predict", "--checkpoint", checkpoint, "--data", "simulate:500:5", "--out", out]);
  return createHash("sha256").update(readFileSync(out)).digest("hex");
}

describeKafka("train from a topic of impressions and one of clicks", (kafka) => {
  it("trains the same model as labelled events from shuffled, triplicated and delayed clicks", async () => {
    const { topic: labelled } = await topics(kafka, all.labelled, [], 1);
    const expected = temporary();
    await report([...training(kafka, labelled, expected, { model: JOINED }), "--until", "end"]);
    const { topic, clicksTopic } = await topics(kafka, all.shown, shuffled(all.clicks, 3), 8);
    const out = temporary();
    const flags = [...training(kafka, topic, out, { model: JOIN }), "--clicks-topic", clicksTopic, "--until", "end"];
    const late = await kafka.topic();
    const { join: counts } = await report([...flags, "--late-topic", late]);
    expect(counts).toEqual({
      clicks: 3 * all.clicks.length,
      joined: all.clicks.length,
      duplicates: 2 * all.clicks.length,
      late: 0,
    });
    const kept = await kafka.read(late);
    expect(kept.length).toBe(2 * all.clicks.length);
    expect(new Set(kept.map(({ headers }) => headers.reason))).toEqual(new Set(["repeated"]));
    const repeated = kept.map(({ value }) => JSON.parse(value.toString()) as { reason: string; id: string });
    expect(new Set(repeated.map(({ reason }) => reason))).toEqual(new Set(["repeated"]));
    expect(new Set(repeated.map(({ id }) => id)).size).toBe(all.clicks.length);
    expect(await predictions(out)).toBe(await predictions(expected));
  });

  it(
    `resumes after ${KILLS} kills in both topics to the same bytes`,
    async () => {
      const { shown, clicks } = await streams(Math.max(ROWS, 600 * KILLS));
      const { topic, clicksTopic } = await topics(kafka, shown, clicks, 3);
      const commandLine = (out: string) => [
        ...training(kafka, topic, out, { model: JOIN, group: `${topic}-${out.length}` }),
        ...["--clicks-topic", clicksTopic, "--until", "end", "--resume", "--checkpoint-every", "512", "--json"],
      ];
      const [whole, killed] = [temporary(), join(temporary(), "killed")];
      const { join: counts, logloss } = await report(commandLine(whole));
      expect(await endedAfterKills(commandLine(killed), KILLS, new Rng(7))).toBe(KILLS);
      expect(await report(commandLine(killed))).toMatchObject({ join: counts, logloss });
      expect(digests(killed)).toEqual(digests(whole));
    },
    120_000 + 20_000 * KILLS,
  );

  it("joins clicks by key to the last impression before them, also after kills in all three readers", async () => {
    const keyed = byKey(all.shown, all.clicks);
    const folder = temporary();
    const [model, labelledModel] = [join(folder, "key.yaml"), join(folder, "labelled.yaml")];
    writeFileSync(model, keyedSpec);
    writeFileSync(labelledModel, labelledSpec);
    const { topic: labelled } = await topics(kafka, keyed.labelled, [], 1);
    const [expected, whole, killed] = [temporary(), temporary(), join(folder, "killed")];
    await report([...training(kafka, labelled, expected, { model: labelledModel }), "--until", "end"]);
    const { topic, clicksTopic } = await topics(kafka, keyed.shown, shuffled(keyed.clicks, 1), 3);
    const commandLine = (out: string) => [
      ...training(kafka, topic, out, { model, group: `${topic}-${out.length}` }),
      ...["--clicks-topic", clicksTopic, "--until", "end", "--resume", "--checkpoint-every", "512", "--json"],
    ];
    await report(commandLine(whole));
    expect(await predictions(whole)).toBe(await predictions(expected));
    for (const kill of [3, 9]) expect((await ended(start(commandLine(killed), `${kill} after`))).status).toBe(null);
    await report(commandLine(killed));
    expect(digests(killed)).toEqual(digests(whole));
  });

  it("corrects impressions of a topic like those of files: the same bytes, also after kills in all readers", async () => {
    const folder = temporary();
    const [shown, clicks, model] = ["shown.tsv", "clicks.tsv", "fnw.yaml"].map((name) => join(folder, name));
    writeFileSync(shown, `${all.shown.join("\n")}\n`);
    writeFileSync(clicks, `${all.clicks.join("\n")}\n`);
    const text = readFileSync(JOIN, "utf8");
    writeFileSync(model, text.replace("  window: 15m", "  correct: { method: fnw, ages: [30s, 2m, 5m] }"));
    const files = temporary();
    const learned = ["train", "--model", model, "--data", shown, "--clicks", clicks, "--out", files];
    const { join: counts, examples } = await report(learned);
    expect(counts!.corrected).toBeGreaterThan(100);
    const commandLine = (partitions: number, topic: string, clicksTopic: string, out: string) => [
      ...training(kafka, topic, out, { model, group: `${topic}-${partitions}-${out.length}` }),
      ...["--clicks-topic", clicksTopic, "--until", "end", "--resume", "--checkpoint-every", "700", "--json"],
      ...["--linger-ms", "60000"],
    ];
    for (const partitions of [1, 3]) {
      const [topic, clicksTopic] = [await kafka.topic(partitions, LASTING), await kafka.topic(partitions, LASTING)];
      // With several partitions some are sent twice: they are learned and corrected once.
      const twice = (one: string, i: number) => (partitions > 1 && i % 1000 === 9 ? [one, one] : [one]);
      await kafka.produce(topic, spread(all.shown.flatMap(twice), partitions));
      await kafka.produce(clicksTopic, spread(all.clicks, partitions));
      const [whole, killed] = [temporary(), join(temporary(), "killed")];
      const result = await report(commandLine(partitions, topic, clicksTopic, whole));
      expect(result).toMatchObject({ duplicates: partitions > 1 ? ROWS / 1000 : 0, join: { awaited: 0, late: 0 } });
      if (partitions === 1) {
        expect(result).toMatchObject({ examples, join: counts });
        expect(weightsOf(whole)).toEqual(weightsOf(files));
      }
      for (const kill of [4, 13])
        expect((await ended(start(commandLine(partitions, topic, clicksTopic, killed), `${kill} after`))).status).toBe(
          null,
        );
      await report(commandLine(partitions, topic, clicksTopic, killed));
      expect(digests(killed)).toEqual(digests(whole));
    }
  }, 180_000);

  it("trains the same model from views, clicks and purchases in one topic as from one file, also after kills", async () => {
    const folder = temporary();
    const [file, model] = [join(folder, "all.jsonl"), join(folder, "buys.yaml")];
    const shop = await mixedShop();
    writeFileSync(file, `${shop.join("\n")}\n`);
    const text = readFileSync(JOINED, "utf8").replace(/ {2}columns:\n( {4}- .*\n)+/, "");
    const typed = (kind: string) => `format: json, type: { from: kind, is: ${kind} }, id: event_id, time: ts_ms`;
    const label = "label: { time: ts_ms, id: event_id }";
    const joined = `${label}\njoin: { clicks: { ${typed("tap")} }, conversions: { ${typed("buy")} } }\n`;
    writeFileSync(
      model,
      text.replace("format: tsv", "format: json\n  type: { from: kind, is: view }").replace(/label: .*\n/, joined),
    );
    const fromFile = temporary();
    const learned = await report([...["train", "--model", model, "--data", file, "--clicks", file, "--out", fromFile]]);
    const topic = await kafka.topic(1, LASTING);
    await kafka.produce(topic, spread(shop, 1));
    const out = join(temporary(), "killed");
    const args = [
      ...[...training(kafka, topic, out, { model }), "--clicks-topic", topic, "--until", "end", "--linger-ms", "60000"],
      ...["--resume", "--checkpoint-every", "512", "--json"],
    ];
    for (const kill of [5, 11]) expect((await ended(start(args, `${kill} after`))).status).toBe(null);
    const { join: counts, logloss } = await report(args);
    expect(counts).toEqual(learned.join);
    expect(counts!.joined).toBeLessThan(counts!.clicks / 2);
    expect(counts!.conversions!.count).toBeGreaterThan(counts!.joined);
    expect(logloss).toBe(learned.logloss);
    expect(weightsOf(out)).toEqual(weightsOf(fromFile));
  });

  it("delays impressions while no clicks arrive, reports it, and continues afterwards to the same bytes", async () => {
    const { topic, clicksTopic } = await topics(kafka, all.shown.slice(0, 1024), [], 2);
    const out = temporary();
    const child = start([
      ...training(kafka, topic, out, { model: JOIN }),
      ...["--clicks-topic", clicksTopic, "--clicks-quiet-ms", "500", "--json"],
    ]);
    const exit = ended(child);
    await waitForLog(child, /"examples":0,.*join_stalled/);
    // A single idle partition delays nothing.
    await kafka.produce(clicksTopic, spread(all.clicks, 1));
    const [, learned] = await waitForLog(child, /"examples":(1024|512),/);
    expect(Number(learned)).toBeGreaterThan(0);
    child.kill("SIGINT");
    const { status, stdout } = await exit;
    expect(status).toBe(0);
    expect(JSON.parse(stdout.trim().split("\n").at(-1)!).join.joined).toBeGreaterThan(10);
    const toEnd = (directory: string, group = topic) => [
      ...training(kafka, topic, directory, { model: JOIN, group }),
      ...["--clicks-topic", clicksTopic, "--until", "end", "--resume"],
    ];
    const unheld = temporary();
    const [after, without] = [await report(toEnd(out)), await report(toEnd(unheld, `${topic}-unheld`))];
    expect(after).toMatchObject({ examples: 1024, logloss: without.logloss, join: without.join });
    expect(weightsOf(out)).toEqual(weightsOf(unheld));
  });

  it("refuses a topic whose retention of clicks or impressions is shorter than the click window", async () => {
    const [topic, clicksTopic] = [await kafka.topic(1, LASTING), await kafka.topic(1, { "retention.ms": "600000" })];
    await kafka.produce(topic, spread(all.shown.slice(0, 100), 1));
    const flags = [...training(kafka, topic, temporary(), { model: JOIN }), "--clicks-topic", clicksTopic];
    const { status, stderr } = await run([...flags, "--until", "end"]);
    expect(status).toBe(3);
    expect(stderr).toContain(`${clicksTopic}: keeps messages for 600000 ms`);
    const short = [...training(kafka, clicksTopic, temporary(), { model: JOIN }), "--clicks-topic", topic];
    await kafka.produce(clicksTopic, spread(all.shown.slice(0, 100), 1));
    expect((await run([...short, "--until", "end"])).stderr).toContain(`${clicksTopic}: keeps messages for 600000 ms`);
  });
});
