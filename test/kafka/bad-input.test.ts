import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { KafkaProducer } from "../../src/sources/kafka/producer.js";
import { replay } from "../../src/train/replay.js";
import { digests, ended, type Outcome, report, run, start, temporary } from "../e2e/hashbrook.js";
import { describeKafka, failure } from "./harness.js";
import { LR, rows, training, waitForLog } from "./trainers.js";

const rejectsOf = (out: string) =>
  readFileSync(join(out, "rejected/rejected.jsonl"), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map(
      (line) =>
        JSON.parse(line) as { code: string; column: string; file: string; offset: number; raw: string; length: number },
    );

const WHOLE = { start: { at: "earliest" }, onLost: "stop" } as const;

function expectFailure(outcome: Outcome, exit: number, message: RegExp): void {
  expect(outcome.stderr).toMatch(message);
  expect(outcome.status).toBe(exit);
}

describeKafka("training from a topic", (kafka) => {
  describe("fails at startup", () => {
    it("with a missing topic, which the error names", async () => {
      expectFailure(await run(training(kafka, "no-such-topic", temporary())), 8, /no-such-topic/);
    });

    it("without a reachable broker", async () => {
      expectFailure(await run(training({ brokers: "127.0.0.1:1" }, "t", temporary())), 8, /127\.0\.0\.1:1/);
    });

    it("with wrong credentials", async () => {
      if (!kafka.saslBrokers) return;
      const login = { KAFKA_USERNAME: "alice", KAFKA_PASSWORD: "wrong" };
      Object.assign(process.env, login);
      const outcome = await run(training({ brokers: kafka.saslBrokers }, "t", temporary()));
      // Threads that are started later have the process's own environment.
      for (const name of Object.keys(login)) delete process.env[name];
      expectFailure(outcome, 8, /kafka_auth|KAFKA_USERNAME/);
    });

    it("with two sources, or only one of --kafka and --topic", async () => {
      expectFailure(await run([...training(kafka, "t", temporary()), "--data", "x"]), 2, /--data/);
      expectFailure(await run(["train", "--model", LR, "--kafka", kafka.brokers, "--out", temporary()]), 2, /--topic/);
    });

    it("with a topic other than the checkpoint's, or with files", async () => {
      const [one, two] = [await kafka.topic(2), await kafka.topic(2)];
      const out = temporary();
      await kafka.produce(
        one,
        (await rows(50)).map((value) => ({ value })),
      );
      await report([...training(kafka, one, out), "--until", "end"]);
      const before = digests(out);
      expectFailure(await run([...training(kafka, two, out), "--until", "end", "--resume"]), 3, new RegExp(one));
      const files = await run(["train", "--model", LR, "--data", "simulate:100", "--out", out, "--resume"]);
      expectFailure(files, 3, /simulate/);
      expect(digests(out)).toEqual(before);
    });
  });

  it.each([1000, 10, 1])(
    "keeps every %ith event, which is malformed, with its position, and learns the others",
    async (every) => {
      const [topic, dead] = [await kafka.topic(2), await kafka.topic(1)];
      const out = temporary();
      const events = await rows(2000);
      const isMalformed = (i: number) => i % every === every - 1;
      await kafka.produce(
        topic,
        events.map((line, i) => ({ value: isMalformed(i) ? `isMalformed ${i}` : line, partition: i % 2 })),
      );
      const args = [...training(kafka, topic, out), "--until", "end", "--dead-letter-topic", dead];
      // If all are rejected, the run fails, but its position is after them.
      if (every === 1) expectFailure(await run(args), 4, /all 2,000 events were rejected/);
      else expect(await report(args)).toMatchObject({ examples: 2000 - 2000 / every, rejected: 2000 / every });
      const places = events.flatMap((_, i) =>
        isMalformed(i) ? [`${topic}[${i % 2}] ${Math.floor(i / 2)} isMalformed ${i}`] : [],
      );
      expect(
        rejectsOf(out)
          .map(({ file, offset, raw }) => `${file} ${offset} ${raw}`)
          .sort(),
      ).toEqual(places.sort());
      const originOf = (headers: Record<string, string>) =>
        ["topic", "partition", "offset", "exception.class.name"].map((name) => headers[`__connect.errors.${name}`]);
      const letters = (await kafka.read(dead)).map(({ value, headers }) => `${originOf(headers)} ${value}`);
      expect(letters.sort()).toEqual(
        rejectsOf(out)
          .map(({ file, offset, raw, code }) => `${[...file.slice(0, -1).split("["), offset, code]} ${raw}`)
          .sort(),
      );
      // The offsets have advanced durably: nothing is rejected again.
      expect(await report([...training(kafka, topic, out), "--until", "end", "--resume"])).toMatchObject({
        examples_this_run: 0,
        rejected: 2000 / every,
      });
    },
  );

  it("rejects a message of 10 MB, skips empty ones, and continues", async () => {
    const topic = await kafka.topic(1, { "max.message.bytes": "20000000" });
    const out = temporary();
    const events = await rows(20);
    const records = [events[0], "x".repeat(10_000_000), "", null, ...events.slice(1)].map((value) => ({ value }));
    const producer = await KafkaProducer.open(kafka.options, topic);
    for (const record of records) await producer.send([record]);
    await producer.close();
    expect(await report([...training(kafka, topic, out), "--until", "end"])).toMatchObject({
      examples: 20,
      rejected: 1,
    });
    expect(rejectsOf(out)).toMatchObject([{ offset: 1, length: 10_000_000 }]);
  });

  it("ignores members that producers add, and keeps every event that violates the schema", async () => {
    const topic = await kafka.topic(1);
    const [out, model] = [temporary(), join(temporary(), "clicks.yaml")];
    writeFileSync(
      model,
      `name: clicks
events: { format: json, id: id }
label: { field: clicked, time: ts }
fields:
  - { name: user, type: categorical, from: user.id, table: w }
  - { name: price, type: numeric, from: price, transform: log1p, table: w }
tables: { w: { encoding: hash, rows: 64 } }
tower: lr
`,
    );
    const event = { id: 1, clicked: 1, ts: 1.7e12, user: { id: "u" }, price: 2 };
    const good = [
      event,
      { ...event, id: 2, user: { id: "u", new: [{ x: 1 }] }, more: { a: null } },
      { ...event, id: 3, price: undefined },
    ];
    const broken = [
      [{ ...event, user: "u" }, "bad_type", "user.id"],
      [{ ...event, price: "2" }, "bad_type", "price"],
      [{ ...event, price: { eur: 2 } }, "bad_type", "price"],
      [{ ...event, id: undefined }, "missing_id", "id"],
      [{ ...event, clicked: undefined }, "bad_label", "clicked"],
      [{ ...event, ts: undefined }, "missing_time", "ts"],
    ] as const;
    const values = [...good, ...broken.map(([value]) => value)].map((value) => ({ value: JSON.stringify(value) }));
    await kafka.produce(topic, values);
    const args = [...training(kafka, topic, out, { model }), "--until", "end"];
    expect(await report(args)).toMatchObject({ examples: 3, rejected: 6 });
    expect(rejectsOf(out).map(({ code, column, raw }) => [code, column, raw])).toEqual(
      broken.map(([value, code, column]) => [code, column, JSON.stringify(value)]),
    );
  });

  it("stops after --max-rejects, having kept the rejected events", async () => {
    const topic = await kafka.topic(1);
    const out = temporary();
    await kafka.produce(
      topic,
      [...(await rows(5)), "bad", "worse", "worst"].map((value) => ({ value })),
    );
    expectFailure(
      await run([...training(kafka, topic, out), "--until", "end", "--max-rejects", "2"]),
      4,
      /max-rejects/,
    );
    expect(rejectsOf(out)).toHaveLength(3);
  });

  it("stops if retention deleted events first, unless --on-lost-offsets is given", async () => {
    const topic = await kafka.topic(2);
    const out = temporary();
    const events = await rows(400);
    const send = (lines: string[]) =>
      kafka.produce(
        topic,
        lines.map((value, i) => ({ value, partition: i % 2 })),
      );
    await send(events.slice(0, 200));
    await report([...training(kafka, topic, out), "--until", "end"]);
    await send(events.slice(200));
    await kafka.deleteBefore(topic, 1, 150n);
    const before = digests(out);
    const resumed = [...training(kafka, topic, out), "--until", "end", "--resume"];
    expectFailure(await run(resumed), 3, /partition 1: offset 100 no longer exists, the earliest one is 150/);
    expect(digests(out)).toEqual(before);
    expect(await report([...resumed, "--on-lost-offsets", "earliest"])).toMatchObject({ examples: 350, rejected: 0 });
  });

  it("starts at a time, at offsets, or at the end; replay learns a range again", async () => {
    const topic = await kafka.topic(2, { "retention.ms": "-1" });
    const events = await rows(100);
    const time = Date.parse("2026-01-01T00:00:00Z");
    await kafka.produce(
      topic,
      events.map((value, i) => ({ value, partition: i % 2, timestamp: time + i * 1000 })),
    );
    const learn = async (...more: string[]) =>
      (await report([...training(kafka, topic, temporary()), "--until", "end", ...more])).examples;
    expect(await learn("--from", "2026-01-01T00:00:40Z")).toBe(60);
    expect(await learn("--from", "45,10")).toBe(45);
    expect(await learn("--from", "latest")).toBe(0);
    const from = (place: string) => run([...training(kafka, topic, temporary()), "--from", place]);
    expectFailure(await from("0,51"), 2, /partition 1: offset 51 is after its end offset, 50/);
    expectFailure(await from("1,2,3"), 2, /3 offsets for 2 partitions/);
    const command = ["replay", "--model", LR, "--kafka", kafka.brokers, "--topic", topic, "--out", temporary()];
    const range = [...command, "--from", "2026-01-01T00:00:10Z", "--until", "2026-01-01T00:00:30Z"];
    expect(await report(range)).toMatchObject({ examples: 20, rejected: 0 });
    expect(await run(range)).toMatchObject({ status: 5 });
    const again = { model: LR, out: temporary(), topic: { kafka: kafka.options, topic, ...WHOLE } };
    expect(await replay(again)).toMatchObject({ examples: 100, ended_by: "end" });
    await failure(replay(again), "output_exists");
  });

  it("learns the messages of partitions added meanwhile", async () => {
    const topic = await kafka.topic(1);
    const out = temporary();
    const events = await rows(300);
    await kafka.produce(
      topic,
      events.slice(0, 100).map((value) => ({ value, partition: 0 })),
    );
    await report([...training(kafka, topic, out), "--until", "end"]);
    await kafka.addPartitions(topic, 3);
    await kafka.produce(
      topic,
      events.slice(100).map((value, i) => ({ value, partition: i % 3 })),
    );
    expect((await report([...training(kafka, topic, out), "--until", "end", "--resume"])).examples).toBe(300);
  });

  it("refuses a second trainer on the same directory; one of the same group stands by", async () => {
    const topic = await kafka.topic(2);
    const out = temporary();
    await kafka.produce(
      topic,
      (await rows(100)).map((value) => ({ value })),
    );
    const first = start([...training(kafka, topic, out), "--metrics-port", "0", "--json"]);
    await waitForLog(first, /"examples":100,/);
    expectFailure(await run([...training(kafka, topic, out), "--resume"]), 5, /is writing here/);
    const second = start([...training(kafka, topic, temporary()), "--json"]);
    await waitForLog(second, /standing by: another trainer of group/);
    const lives = [ended(first), ended(second)];
    first.kill("SIGINT");
    second.kill("SIGINT");
    expect((await Promise.all(lives)).map(({ status }) => status)).toEqual([0, 0]);
  });
});
