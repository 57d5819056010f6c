import { expect, it } from "vitest";
import { DeadLetterTopic, type DeadMessage } from "../../src/sources/kafka/dead-letter.js";
import type { Header } from "../../src/sources/kafka/message-parts.js";
import type { KafkaRecord } from "../../src/sources/kafka/producer.js";
import { report, temporary } from "../e2e/hashbrook.js";
import { describeKafka, failure } from "./harness.js";
import { rows, training } from "./trainers.js";

const CONNECT = "__connect.errors.";
const BINARY = Uint8Array.of(0xff, 0, 0x0a, 0x7b, 0x80);
const HEADERS: readonly Header[] = [
  ["trace", BINARY],
  ["10", Buffer.from("a number for a name")],
  ["trace", null],
  ["2", new Uint8Array(0)],
  ["trace", Buffer.from("once more")],
];

describeKafka("the dead-letter topic", (kafka) => {
  const letter = (message: Partial<DeadMessage>) => ({
    code: "bad_label",
    reason: "events[3]: click: bad_label",
    message: { topic: "events", partition: 3, offset: 7, key: null, value: null, headers: [], ...message },
  });
  const deadLetters = async (letters: ReturnType<typeof letter>[]) => {
    const topic = await kafka.topic(1);
    const sender = await DeadLetterTopic.open(kafka.options, topic, "ads");
    await sender.send(letters);
    await sender.close();
    return kafka.read(topic);
  };

  it("keeps key, value and headers unchanged, and adds reason and origin like Kafka Connect", async () => {
    const [whole] = await deadLetters([
      letter({ offset: 2n ** 53n + 1n, key: BINARY, value: BINARY, headers: HEADERS }),
    ]);
    const { key, value, headers } = whole.message;
    expect([key, value]).toEqual([Buffer.from(BINARY), Buffer.from(BINARY)]);
    const { trace, 2: empty, 10: number, ...context } = headers ?? {};
    expect([trace, empty, number].map(String)).toEqual(
      [[Buffer.from(BINARY), null, "once more"], "", "a number for a name"].map(String),
    );
    expect(
      Object.fromEntries(Object.entries(context).map(([name, text]) => [name.replace(CONNECT, ""), String(text)])),
    ).toEqual({
      topic: "events",
      partition: "3",
      offset: "9007199254740993",
      "connector.name": "ads",
      "task.id": "0",
      stage: "VALUE_CONVERTER",
      "class.name": "hashbrook",
      "exception.class.name": "bad_label",
      "exception.message": "events[3]: click: bad_label",
    });
  });

  it("keeps a missing key missing, and distinguishes no value from an empty one", async () => {
    const letters = [letter({ value: null }), letter({ key: new Uint8Array(0), value: new Uint8Array(0) })];
    const found = (await deadLetters(letters)).map(({ message }) => [message.key, message.value]);
    expect(found).toEqual([
      [null, null],
      [Buffer.alloc(0), Buffer.alloc(0)],
    ]);
  });

  it("takes many short events, whose headers are most of their bytes, in requests that brokers accept", async () => {
    const letters = Array.from({ length: 4000 }, (_, offset) => letter({ offset, value: BINARY }));
    const found = await deadLetters(letters);
    expect(found.map(({ headers }) => Number(headers[`${CONNECT}offset`]))).toEqual([...letters.keys()]);
  });

  it("has only the last origin for an event that fails repeatedly", async () => {
    const before: readonly Header[] = [[`${CONNECT}topic`, Buffer.from("an earlier one")]];
    const [found] = await deadLetters([letter({ value: BINARY, headers: before })]);
    expect(found.headers[`${CONNECT}topic`]).toBe("events");
  });

  it("receives rejected events whole, also long ones; events produced again from it are rejected again", async () => {
    const [topic, dead] = [await kafka.topic(2), await kafka.topic(1)];
    const out = temporary();
    const long = Buffer.from("x".repeat(200_000));
    const bad = [
      { key: BINARY, value: BINARY, headers: HEADERS, partition: 1 },
      { key: null, value: long, partition: 0 },
    ];
    const [mended, ...events] = await rows(101);
    const good = events.map((value, i) => ({ value, partition: i % 2 }));
    await kafka.produce(topic, [...good.slice(0, 50), ...bad, ...good.slice(50)]);
    const args = [...training(kafka, topic, out), "--until", "end", "--dead-letter-topic", dead, "--resume"];
    expect(await report(args)).toMatchObject({ examples: 100, rejected: 2 });
    const letters = (await kafka.read(dead)).map(({ message }) => message);
    const first = letters.find(({ key }) => key !== null)!;
    expect([first.key, first.value].map((bytes) => [...bytes!])).toEqual([[...BINARY], [...BINARY]]);
    expect(first.headers!.trace).toHaveLength(3);
    expect(letters.find(({ key }) => key === null)!.value!.equals(long)).toBe(true);
    const again: KafkaRecord = { key: first.key, value: first.value, headers: HEADERS, partition: 0 };
    await kafka.produce(topic, [again, { ...again, value: mended }]);
    expect(await report(args)).toMatchObject({ examples: 101, rejected: 3 });
    const last = (await kafka.read(dead)).at(-1)!;
    expect([last.message.key, last.message.value]).toEqual([first.key, first.value]);
    expect(last.headers[`${CONNECT}offset`]).toBe("51");
  });

  it("keeps the beginning of an event that the topic does not accept whole: it stopped the trainer at each start", async () => {
    const [topic, dead] = [await kafka.topic(1), await kafka.topic(1, { "max.message.bytes": "50000" })];
    const out = temporary();
    const long = Buffer.from("x".repeat(200_000));
    const headers: readonly Header[] = [["large", long]];
    const events = (await rows(100)).map((value) => ({ value }));
    const bad = [{ key: "a", value: long }, { value: "short" }, { key: "b", value: "small", headers }];
    await kafka.produce(topic, [...events, ...bad]);
    const args = [...training(kafka, topic, out), "--until", "end", "--dead-letter-topic", dead];
    expect(await report(args)).toMatchObject({ examples: 100, rejected: 3, truncated_letters: 2 });
    const found = (await kafka.read(dead)).map(({ key, value, headers }) => {
      const { [`${CONNECT}offset`]: offset, [`${CONNECT}value.bytes`]: bytes, large } = headers;
      return { key, length: value.length, offset, bytes, large };
    });
    expect(found).toEqual([
      { key: "a", length: 32_768, offset: "100", bytes: "200000", large: undefined },
      { key: null, length: 5, offset: "101", bytes: undefined, large: undefined },
      { key: null, length: 5, offset: "102", bytes: "5", large: undefined },
    ]);
  });

  it("takes many short events into a topic whose largest batch is smaller than a request", async () => {
    const dead = await kafka.topic(1, { "max.message.bytes": "20000" });
    const sender = await DeadLetterTopic.open(kafka.options, dead);
    await sender.send(Array.from({ length: 500 }, (_, offset) => letter({ offset, value: BINARY })));
    await kafka.setTopic(dead, { "max.message.bytes": "10000" });
    await sender.send(Array.from({ length: 500 }, (_, i) => letter({ offset: 500 + i, value: BINARY })));
    await sender.close();
    const found = (await kafka.read(dead)).map(({ headers }) => Number(headers[`${CONNECT}offset`]));
    expect(found).toEqual([...Array(1000).keys()]);
  });

  it("is checked at startup, not at the first reject", async () => {
    await failure(DeadLetterTopic.open(kafka.options, "no-such-dead-letters"), "kafka_topic_missing");
  });
});
