import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Rng } from "../../src/core/rng.js";
import { simulate } from "../../src/sources/simulator/run.js";
import { digests, ended, report, run, start, temporary } from "../e2e/hashbrook.js";
import { describeKafka, type TestKafka } from "./harness.js";
import { said, training } from "./trainers.js";

const ROWS = 6000;
const LASTING = { "retention.ms": "-1" };
const [JOIN, JOINED] = ["features/ads-demo-join.yaml", "features/ads-demo-joined.yaml"];

/** The simulator's stream three times: labelled, without labels, and its clicks. */
async function streams() {
  const text: Record<"labelled" | "shown" | "clicks", string> = { labelled: "", shown: "", clicks: "" };
  const into = (name: keyof typeof text) => (bytes: Uint8Array) => {
    text[name] += Buffer.from(bytes).toString();
  };
  const split = { impressions: into("shown"), clicks: into("clicks"), window: 900_000 };
  await simulate({ rows: ROWS, seed: 5, format: "tsv", write: into("labelled"), split });
  const lines = (name: keyof typeof text) => text[name].trimEnd().split("\n");
  return { labelled: lines("labelled"), shown: lines("shown"), clicks: lines("clicks") };
}

const all = await streams();
const timeOf = (click: string) => Number(click.split("\t")[1]);

/** Each so often, in another order, none behind one that is newer by more than the spec's lateness. */
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
  it("learns what a topic of labelled events teaches, its clicks being shuffled, tripled and spread", async () => {
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
    const repeated = kept.map(({ value }) => JSON.parse(value.toString()) as { reason: string; id: string });
    expect(new Set(repeated.map(({ reason }) => reason))).toEqual(new Set(["repeated"]));
    expect(new Set(repeated.map(({ id }) => id)).size).toBe(all.clicks.length);
    expect(await predictions(out)).toBe(await predictions(expected));
  });

  it("goes on after kills in both topics to the same bytes", async () => {
    const { topic, clicksTopic } = await topics(kafka, all.shown, all.clicks, 3);
    const life = (out: string) => [
      ...training(kafka, topic, out, { model: JOIN, group: `${topic}-${out.length}` }),
      ...["--clicks-topic", clicksTopic, "--until", "end", "--resume", "--checkpoint-every", "512", "--json"],
    ];
    const [whole, killed] = [temporary(), join(temporary(), "killed")];
    await report(life(whole));
    for (const kill of [3, 9, 16]) expect((await ended(start(life(killed), `${kill} after`))).status).toBe(null);
    await report(life(killed));
    expect(digests(killed)).toEqual(digests(whole));
  });

  it("corrects impressions of a topic as it does those of files: the same bytes, also after kills in all its readers", async () => {
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
    const life = (partitions: number, topic: string, clicksTopic: string, out: string) => [
      ...training(kafka, topic, out, { model, group: `${topic}-${partitions}-${out.length}` }),
      ...["--clicks-topic", clicksTopic, "--until", "end", "--resume", "--checkpoint-every", "700", "--json"],
      ...["--linger-ms", "60000"],
    ];
    for (const partitions of [1, 3]) {
      const [topic, clicksTopic] = [await kafka.topic(partitions, LASTING), await kafka.topic(partitions, LASTING)];
      // Of several partitions some are sent twice: learned and corrected once.
      const twice = (one: string, i: number) => (partitions > 1 && i % 1000 === 9 ? [one, one] : [one]);
      await kafka.produce(topic, spread(all.shown.flatMap(twice), partitions));
      await kafka.produce(clicksTopic, spread(all.clicks, partitions));
      const [whole, killed] = [temporary(), join(temporary(), "killed")];
      const told = await report(life(partitions, topic, clicksTopic, whole));
      expect(told).toMatchObject({ duplicates: partitions > 1 ? ROWS / 1000 : 0, join: { awaited: 0, late: 0 } });
      if (partitions === 1) {
        expect(told).toMatchObject({ examples, join: counts });
        expect(await predictions(whole)).toBe(await predictions(files));
      }
      for (const kill of [4, 13])
        expect((await ended(start(life(partitions, topic, clicksTopic, killed), `${kill} after`))).status).toBe(null);
      await report(life(partitions, topic, clicksTopic, killed));
      expect(digests(killed)).toEqual(digests(whole));
    }
  }, 180_000);

  it("holds impressions back while no clicks come, says so, and goes on when they do", async () => {
    const { topic, clicksTopic } = await topics(kafka, all.shown.slice(0, 1024), [], 2);
    const out = temporary();
    const child = start([
      ...training(kafka, topic, out, { model: JOIN }),
      ...["--clicks-topic", clicksTopic, "--clicks-quiet-ms", "500", "--json"],
    ]);
    const life = ended(child);
    await said(child, /"examples":0,.*join_stalled/);
    // One partition alone is quiet: it holds up nothing.
    await kafka.produce(clicksTopic, spread(all.clicks, 1));
    const [, learned] = await said(child, /"examples":(1024|512),/);
    expect(Number(learned)).toBeGreaterThan(0);
    child.kill("SIGINT");
    const { status, stdout } = await life;
    expect(status).toBe(0);
    expect(JSON.parse(stdout.trim().split("\n").at(-1)!).join.joined).toBeGreaterThan(10);
  });

  it("refuses a topic that keeps clicks, or impressions, for a shorter time than clicks count", async () => {
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
