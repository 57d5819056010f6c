import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { compressionTypes, createKafka, kafkaZstdAvailable } from "../../src/sources/kafka/client.js";
import { simulate } from "../../src/sources/simulator/run.js";
import { digests, ended, report, start, temporary } from "../e2e/hashbrook.js";
import { JOIN } from "../small-specs.js";
import { hasPlatformatic } from "./clients.js";
import { describeKafka, type TestKafka } from "./harness.js";
import { LR, rows, training } from "./trainers.js";

const LASTING = { "retention.ms": "-1" };
const CONNECT = "__connect.errors.";

/** Ways to read a topic; all must give the same model. */
const ways = {
  "as a member of a group": (topic: string) => ["--group", topic],
  "without a group": () => ["--group", "none"],
  "with @platformatic/kafka": () => ["--group", "none", "--kafka-client", "platformatic"],
} as const;
type Way = keyof typeof ways;
const all = (Object.keys(ways) as Way[]).filter((way) => hasPlatformatic || way !== "with @platformatic/kafka");
const [first, ...others] = all;

function commandLine(kafka: TestKafka, way: Way, topic: string, out: string, model = LR): string[] {
  const line = training(kafka, topic, out, { model });
  const at = line.indexOf("--group");
  const without = [...line.slice(0, at), ...line.slice(at + 2)];
  return [...without, ...ways[way](`${topic}-${out.slice(-6)}`), "--until", "end", "--linger-ms", "60000", "--resume"];
}

/** A topic with everything: all compressions, overlapping aborted transactions, deleted and malformed messages. */
async function anyTopic(kafka: TestKafka): Promise<string> {
  const topic = await kafka.topic(2, LASTING);
  const events = (await rows(3_000)).map((value, i) => ({ value, partition: i % 2 }));
  await kafka.produce(topic, events.slice(0, 200));
  await kafka.deleteBefore(topic, 0, 60n);
  const names = Object.keys(compressionTypes) as (keyof typeof compressionTypes)[];
  const compressions = names.filter((name) => name !== "zstd" || kafkaZstdAvailable);
  for (const [i, compression] of compressions.entries())
    await kafka.produce(topic, events.slice(200 + 500 * i, 700 + 500 * i), compression);
  const producer = createKafka(kafka.options).kafka.producer({ transactionalId: topic, idempotent: true });
  await producer.connect();
  for (const aborted of [true, false]) {
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: events.slice(2200, 2600) });
    await (aborted ? transaction.abort() : transaction.commit());
  }
  await producer.disconnect();
  const bad = {
    key: Uint8Array.of(0xff, 0, 10),
    value: Uint8Array.of(0x80, 0, 0x0a, 0x7b),
    headers: [
      ["trace", Uint8Array.of(0, 1)],
      ["trace", null],
    ] as const,
  };
  await kafka.produce(topic, [
    { ...bad, partition: 1 },
    { key: null, value: "x".repeat(70_000), partition: 0 },
    ...events.slice(2600),
  ]);
  return topic;
}

/** Without the name of the connector. */
async function letters(kafka: TestKafka, topic: string) {
  return (await kafka.read(topic)).map(({ message: { key, value, headers } }) => {
    const { [`${CONNECT}connector.name`]: _, ...context } = headers ?? {};
    return { key, value, headers: context };
  });
}

describeKafka("a topic is read identically", (kafka) => {
  const learned = new Map<Way, { topic: string; bytes: object; letters: object }>();
  let topic: Promise<string> | undefined;
  async function learn(way: Way) {
    topic ??= anyTopic(kafka);
    const [out, dead] = [temporary(), await kafka.topic(1)];
    await report([...commandLine(kafka, way, await topic, out), "--dead-letter-topic", dead]);
    return { topic: await topic, bytes: digests(out), letters: await letters(kafka, dead) };
  }

  describe.each(others)("%s", (way) => {
    it("gives the same model, rejects and dead letters, byte for byte, for any topic", async () => {
      if (!learned.has(first)) learned.set(first, await learn(first));
      const expected = learned.get(first)!;
      expect(expected.letters).toHaveLength(2);
      expect(await learn(way)).toEqual(expected);
    });
  });

  it("also if the clients alternate, each being killed", async () => {
    const expected = learned.get(first) ?? (await learn(first));
    const out = join(temporary(), "killed");
    for (const [i, way] of [...all, ...all].entries()) {
      const line = [...commandLine(kafka, way, expected.topic, out), "--checkpoint-every", "300"];
      expect((await ended(start(line, `${3 + i} after`))).status).toBe(null);
    }
    await report(commandLine(kafka, all.at(-1)!, expected.topic, out));
    expect(digests(out)).toEqual(expected.bytes);
  });

  it("gives the same bytes in a join whose impressions are read again", async () => {
    const text = { shown: "", clicks: "" };
    const into = (name: keyof typeof text) => (bytes: Uint8Array) => {
      text[name] += Buffer.from(bytes).toString();
    };
    const split = { impressions: into("shown"), clicks: into("clicks"), window: 900_000 };
    await simulate({ rows: 3000, seed: 8, format: "tsv", write: () => {}, split });
    const [shown, clicks] = [await kafka.topic(2, LASTING), await kafka.topic(2, LASTING)];
    for (const [name, lines] of [
      [shown, text.shown],
      [clicks, text.clicks],
    ] as const)
      await kafka.produce(
        name,
        lines
          .trimEnd()
          .split("\n")
          .map((value, i) => ({ value, partition: i % 2 })),
      );
    const model = join(temporary(), "fnw.yaml");
    const spec = readFileSync(JOIN, "utf8");
    writeFileSync(model, spec.replace("  window: 15m", "  correct: { ages: [30s, 2m] }"));
    const bytes: object[] = [];
    for (const way of all) {
      const out = temporary();
      const { join: counts } = await report([...commandLine(kafka, way, shown, out, model), "--clicks-topic", clicks]);
      expect(counts!.corrected).toBeGreaterThan(20);
      bytes.push(digests(out));
    }
    for (const other of bytes.slice(1)) expect(other).toEqual(bytes[0]);
  });
});
