import { readdirSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { CheckpointStore, openCheckpoint } from "../../src/checkpoints/store.js";
import { createKafka } from "../../src/sources/kafka/client.js";
import { digests, ended, report, run, start, temporary } from "../e2e/hashbrook.js";
import { describeKafka, type TestKafka } from "./harness.js";
import { rows } from "./trainers.js";

const EVENTS = 60_000;

/** Examples in the newest checkpoint; -1 before there is one. */
function saved(out: string): number {
  const numbers = readdirSync(out).map((name) => Number(/^checkpoint-(\d+)$/.exec(name)?.[1] ?? -1));
  return Math.max(-1, ...numbers);
}

describeKafka("a trainer that is killed again and again within seconds", (kafka) => {
  it("goes on in every life, with the default time between checkpoints, while it repeats what it had published, too", async () => {
    const [topic, out] = [await kafka.topic(2), temporary()];
    await kafka.produce(
      topic,
      (await rows(EVENTS)).map((value) => ({ value })),
    );
    const args = [
      ...["train", "--model", "features/ads-demo.yaml", "--kafka", kafka.brokers, "--topic", topic, "--group", topic],
      ...["--out", out, "--resume", "--publish", `${out}/deltas`, "--publish-ms", "50"],
    ];
    const places = [0];
    for (let life = 0; life < 4; life++) {
      const child = start(args);
      const over = ended(child);
      for (let i = 0; i < 600 && saved(out) <= places[life]; i++) await sleep(50);
      // Some more is learned and published, which the next life repeats.
      await sleep(150);
      child.kill("SIGKILL");
      const { stderr } = await over;
      places.push(saved(out));
      expect(places[life + 1], stderr).toBeGreaterThan(places[life]);
    }
    expect((await report([...args, "--until", "end"])).examples).toBe(EVENTS);
  });
});

/** A checkpoint that is whole, of twice as many events, from which no model can be loaded. */
function saveHollow(out: string): string {
  const { meta, examples } = openCheckpoint(out).checkpoint;
  const position = meta.position as { offsets: string[]; messages: number };
  const later = {
    ...position,
    offsets: position.offsets.map((at) => String(2 * Number(at))),
    last: [],
    messages: 2 * examples,
  };
  const tally = { ...(meta.tally as object), examples: 2 * examples };
  return new CheckpointStore(out).save(2 * examples, { meta: { ...meta, position: later, tally }, blocks: [] }).path;
}

async function members(kafka: TestKafka, group: string): Promise<number> {
  const admin = createKafka(kafka.options).kafka.admin();
  await admin.connect();
  const { groups } = await admin.describeGroups([group]);
  await admin.disconnect();
  return groups[0].members.length;
}

describeKafka("a trainer that has joined its group while its model loads", (kafka) => {
  it("leaves it, having taken nothing, when the model does not load; reads from an older checkpoint's place when that one is damaged", async () => {
    const [topic, out, whole] = [await kafka.topic(2), temporary(), temporary()];
    await kafka.produce(
      topic,
      (await rows(9_000)).map((value) => ({ value })),
    );
    const args = (group: string, directory: string) => [
      ...[
        "train",
        "--model",
        "features/ads-demo-lr.yaml",
        "--kafka",
        kafka.brokers,
        "--topic",
        topic,
        "--group",
        group,
      ],
      ...["--out", directory, "--resume", "--until", "end"],
    ];
    await report([...args(topic, out), "--limit", "4096"]);
    const committed = await kafka.admin.committed(topic, topic);
    const hollow = saveHollow(out);
    const { status, stderr } = await run(args(topic, out));
    expect([status, stderr]).toEqual([5, expect.stringContaining("is missing")]);
    expect(await members(kafka, topic)).toBe(0);
    expect(await kafka.admin.committed(topic, topic)).toEqual(committed);
    truncateSync(join(hollow, "manifest.json"), 100);
    const { examples, passed_over } = await report(args(topic, out));
    expect([examples, passed_over.map(({ path }) => path)]).toEqual([9_000, [hollow]]);
    await report(args(`${topic}-whole`, whole));
    expect(digests(out)).toEqual(digests(whole));
  });
});
