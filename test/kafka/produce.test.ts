import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { simulate } from "../../src/sources/simulator/run.js";
import { ended, run, start, temporary } from "../e2e/hashbrook.js";
import { describeKafka, type Received, type TestKafka } from "./harness.js";

const folder = temporary();

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function produce(kafka: TestKafka, topic: string, ...args: string[]) {
  const command = ["produce", "--kafka", kafka.brokers, "--topic", topic, "--json", ...args];
  const { status, stdout, stderr } = await run(command);
  return { status, stderr, report: JSON.parse(stdout.trim().split("\n").at(-1) || "null") };
}

const texts = (received: readonly Received[], partition: number) =>
  received.filter((message) => message.partition === partition).map(({ value }) => String(value));

describeKafka("hashbrook produce", (kafka) => {
  it("sends every line once, in order within each partition, evenly distributed", async () => {
    const topic = await kafka.topic(3);
    const lines = Array.from({ length: 40_000 }, (_, i) => `line ${i} ${"x".repeat(i % 50)}`);
    const { report } = await produce(kafka, topic, "--data", file("lines.txt", `${lines.join("\n")}\n`));
    const bytes = lines.reduce((sum, line) => sum + line.length, 0);
    expect(report).toMatchObject({ topic, partitions: 3, messages: 40_000, bytes });
    const received = await kafka.read(topic);
    for (const p of [0, 1, 2]) expect(texts(received, p)).toEqual(lines.filter((_, i) => i % 3 === p));
  });

  it("sends the simulator's rows byte for byte and creates the missing topic", async () => {
    const chunks: Uint8Array[] = [];
    const write = (bytes: Uint8Array) => void chunks.push(Uint8Array.from(bytes));
    await simulate({ rows: 5000, seed: 7, format: "json", write });
    const lines = Buffer.concat(chunks).toString().trim().split("\n");
    const topic = `${await kafka.topic()}-made`;
    const args = ["--data", "simulate:5000:7:json", "--partitions", "2", "--compression", "gzip"];
    expect((await produce(kafka, topic, ...args)).report).toMatchObject({ messages: 5000, partitions: 2 });
    const received = await kafka.read(topic);
    for (const p of [0, 1]) expect(texts(received, p)).toEqual(lines.filter((_, i) => i % 2 === p));
  });

  it("accepts several and compressed files, CRLF, a last line without a newline, long lines; skips headers and empty lines", async () => {
    const topic = await kafka.topic();
    const long = "y".repeat(700_000);
    const first = file("first.csv", `a,b\r\n1,2\r\n\r\n3,4`);
    const second = file("second.csv.gz", gzipSync(`a,b\n${long}\n5,6\n`));
    const { report } = await produce(kafka, topic, "--data", first, second, "--skip-header");
    expect(report.messages).toBe(4);
    expect(texts(await kafka.read(topic), 0)).toEqual(["1,2", "3,4", long, "5,6"]);
  });

  it("stops at --limit, and --rate spreads the messages over time", async () => {
    const topic = await kafka.topic(2);
    const { report } = await produce(kafka, topic, "--data", "simulate:100000", "--limit", "500", "--rate", "1000");
    expect(report).toMatchObject({ messages: 500 });
    expect(report.seconds).toBeGreaterThan(0.4);
    expect(await kafka.read(topic)).toHaveLength(500);
  });

  it("keys messages by a JSON member or a column: equal keys share a partition", async () => {
    const topic = await kafka.topic(4);
    const rows = Array.from({ length: 200 }, (_, i) => `{"user":{"id":"u${i % 9}"},"n":${i}}`);
    await produce(kafka, topic, "--data", file("rows.jsonl", rows.join("\n")), "--key", "user.id");
    const received = await kafka.read(topic);
    const places = new Map(received.map(({ key, partition }) => [key, partition]));
    expect([received.length, places.size]).toEqual([200, 9]);
    expect(received.every(({ key, partition }) => places.get(key) === partition)).toBe(true);
    expect(received.every(({ key, value }) => JSON.parse(String(value)).user.id === key)).toBe(true);

    const columns = await kafka.topic(2);
    await produce(kafka, columns, "--data", file("rows.tsv", "1\ta\n0\tb\n1\t\n"), "--key", "2");
    expect((await kafka.read(columns)).map(({ key }) => key).sort()).toEqual(["a", "b", null]);
    const wrong = await produce(kafka, columns, "--data", file("rows2.tsv", "1\ta\n"), "--key", "user");
    expect([wrong.status, wrong.stderr]).toEqual([2, expect.stringContaining("--key 3")]);
  });

  it("Ctrl-C ends it as incomplete (the status was 0), with everything sent reported and in the topic", async () => {
    const topic = await kafka.topic();
    const args = ["produce", "--kafka", kafka.brokers, "--topic", topic, "--data", "simulate:10000000", "--json"];
    const child = start([...args, "--rate", "2000"]);
    const outcome = ended(child);
    await once(child.stderr!, "data");
    child.kill("SIGINT");
    const { status, stdout } = await outcome;
    expect(status).toBe(130);
    const { messages, ended_by } = JSON.parse(stdout.trim());
    expect(ended_by).toBe("stopped");
    expect(messages).toBeGreaterThan(0);
    expect(await kafka.read(topic)).toHaveLength(messages);
  });

  it("a missing topic, file or cluster is named, with its exit code", async () => {
    const missing = await produce(kafka, "no-such-topic", "--data", "simulate:10");
    expect(missing).toMatchObject({ status: 8, report: { error: { code: "kafka_topic_missing" } } });
    expect(await produce(kafka, await kafka.topic(), "--data", "none.tsv")).toMatchObject({ status: 3 });
    const args = ["produce", "--kafka", "127.0.0.1:1", "--topic", "t", "--data", "simulate:10"];
    expect(await run(args)).toMatchObject({ status: 8, stderr: expect.stringContaining("127.0.0.1:1") });
    const wrong = await run([...args.with(2, "localhost")]);
    expect(wrong).toMatchObject({ status: 2, stderr: expect.stringContaining("host:port") });
  });
});
