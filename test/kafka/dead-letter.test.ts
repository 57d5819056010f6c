import { expect, it } from "vitest";
import { DeadLetterTopic } from "../../src/sources/kafka/dead-letter.js";
import { describeKafka, failure } from "./harness.js";

describeKafka("the dead-letter topic", (kafka) => {
  const reject = (offset: number | bigint, raw: Uint8Array, column: string | null = null) => ({
    code: "bad_label",
    column,
    file: "events[3]",
    row: 1,
    offset,
    length: raw.length,
    raw,
  });

  it("keeps a rejected event's bytes, why it was rejected and where it came from", async () => {
    const topic = await kafka.topic(2);
    const raw = Uint8Array.of(0xff, 0, 0x0a, 0x7b);
    const letters = await DeadLetterTopic.open(kafka.options, topic);
    await letters.send([reject(2n ** 53n + 1n, raw, "click"), reject(7, new Uint8Array(0))]);
    await letters.close();
    const received = await kafka.read(topic);
    const [first] = received.filter(({ key }) => key === "events[3]:9007199254740993");
    expect([...first.value]).toEqual([...raw]);
    expect(first.headers).toEqual({
      code: "bad_label",
      column: "click",
      source: "events[3]",
      offset: "9007199254740993",
      row: "1",
      length: "4",
    });
    expect(received.map(({ key }) => key).sort()).toEqual(["events[3]:7", "events[3]:9007199254740993"]);
  });

  it("gives an event sent again after a crash the same key and partition, so that compaction drops one", async () => {
    const topic = await kafka.topic(4, { "cleanup.policy": "compact" });
    for (let run = 0; run < 2; run++) {
      const letters = await DeadLetterTopic.open(kafka.options, topic);
      await letters.send([1, 2, 3].map((offset) => reject(offset, Buffer.from(`event ${offset}`))));
      await letters.close();
    }
    const received = await kafka.read(topic);
    const places = new Set(received.map(({ key, partition }) => `${key} in ${partition}`));
    expect([received.length, places.size]).toEqual([6, 3]);
  });

  it("is missed at once when it is not there, not at the first reject", async () => {
    await failure(DeadLetterTopic.open(kafka.options, "no-such-dead-letters"), "kafka_topic_missing");
  });
});
