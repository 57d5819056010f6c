import { spawnSync } from "node:child_process";
import { createServer } from "node:net";
import { expect, it, vi } from "vitest";
import { USERS } from "../../scripts/kafka-broker.mjs";
import { KafkaAdmin, withAdmin } from "../../src/sources/kafka/admin.js";
import { type Compression, kafkaOptions, kafkaZstdAvailable } from "../../src/sources/kafka/client.js";
import { KafkaProducer } from "../../src/sources/kafka/producer.js";
import { AnswerReader } from "../../src/sources/kafka/whole-answers.js";
import { describeKafka, failure, readTopic } from "./harness.js";

const sent: Compression[] = ["none", "gzip", "snappy", "zstd"];
const codecs = [...sent, "lz4"];
const available = (codec: string) => codec !== "zstd" || kafkaZstdAvailable;

/** Values that compress well or not at all, empty ones, and some larger than a block of every codec. */
function values(): Buffer[] {
  const noise = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (Math.imul(i, 0x9e3779b1) >>> 13) & 255));
  const texts = Array.from({ length: 3000 }, (_, i) => Buffer.from(`{"user":"u${i % 97}","ad":"a${i % 31}","n":${i}}`));
  return [...texts, Buffer.alloc(0), noise, Buffer.alloc(300_000, "abcdefg"), Buffer.from("ünï\n\0")];
}

describeKafka("Kafka: messages", (kafka) => {
  it.each(codecs)("compressed by the broker with %s are read as they were sent", async (codec) => {
    const topic = await kafka.topic(1, { "compression.type": codec === "none" ? "uncompressed" : codec });
    const all = values();
    await kafka.produce(
      topic,
      all.map((value) => ({ value })),
    );
    const received = await kafka.read(topic);
    expect(received.length).toBe(all.length);
    expect(received.every(({ value }, i) => value.equals(all[i]))).toBe(true);
  });

  it.each(sent.filter(available))(
    "compressed by our producer with %s are accepted by the broker and read",
    async (codec) => {
      const topic = await kafka.topic(1);
      const all = values();
      await kafka.produce(
        topic,
        all.map((value) => ({ value })),
        codec,
      );
      const received = await kafka.read(topic);
      expect(received.length).toBe(all.length);
      expect(received.every(({ value }, i) => value.equals(all[i]))).toBe(true);
    },
  );

  it("keep key, headers, partition and order with any concurrent calls", async () => {
    // The broker deletes messages from 1970 as expired.
    const topic = await kafka.topic(3, { "retention.ms": "-1" });
    const producer = await KafkaProducer.open(kafka.options, topic, { batchBytes: 2000 });
    const calls = Array.from({ length: 20 }, (_, call) =>
      producer.send(
        Array.from({ length: 50 }, (_, i) => {
          const n = call * 50 + i;
          return { key: `k${n}`, value: `v${n}`, headers: { n: String(n) }, partition: n % 3, timestamp: 1000 + n };
        }),
      ),
    );
    await Promise.all(calls);
    await producer.close();
    const received = await kafka.read(topic);
    const expected = [0, 1, 2].flatMap((p) => Array.from({ length: 1000 }, (_, n) => n).filter((n) => n % 3 === p));
    expect(received.map(({ headers }) => Number(headers.n))).toEqual(expected);
    expect(received[0]).toMatchObject({ partition: 0, offset: 0n, key: "k0", headers: { n: "0" } });
    expect(await kafka.admin.offsetsAt(topic, 1500)).toEqual([167n, 167n, 166n]);
    expect(await kafka.admin.offsetsAt(topic, 99_999)).toEqual([334n, 333n, 333n]);
    expect(await kafka.admin.watermarks(topic)).toEqual([
      { low: 0n, high: 334n },
      { low: 0n, high: 333n },
      { low: 0n, high: 333n },
    ]);
  });

  it("too large for the topic are refused with a hint, and the producer continues", async () => {
    const topic = await kafka.topic(1, { "max.message.bytes": "2000" });
    const producer = await KafkaProducer.open(kafka.options, topic);
    const error = await failure(producer.send([{ value: "x".repeat(5000) }]), "kafka_failed");
    expect(error.hint).toContain("max.message.bytes");
    await producer.send([{ value: "small" }]);
    await producer.close();
    expect((await kafka.read(topic)).map(({ value }) => String(value))).toEqual(["small"]);
  });
});

describeKafka("Kafka: errors", (kafka) => {
  it("a missing topic is named, with a similar one", async () => {
    const topic = await kafka.topic(2);
    const asked = `${topic}s`;
    const error = await failure(kafka.admin.partitionsOf(asked), "kafka_topic_missing");
    expect(error.message).toContain(asked);
    expect(error.hint).toContain("test-");
    await failure(kafka.admin.watermarks(asked), "kafka_topic_missing");
    expect(await kafka.admin.createTopic(topic, 2)).toBe(false);
    expect(await kafka.admin.partitionsOf(topic)).toBe(2);
    await kafka.deleteTopic(topic);
    await failure(kafka.admin.partitionsOf(topic), "kafka_topic_missing");
  });

  it("watermarks of a topic can be requested while another client is creating it", async () => {
    const [maker, other] = [await KafkaAdmin.open(kafka.options), await KafkaAdmin.open(kafka.options)];
    const none = Array.from({ length: 16 }, () => ({ low: 0n, high: 0n }));
    const asked = async (topic: string) => {
      await other.createTopic(topic, 16);
      return other.watermarks(topic);
    };
    for (let i = 0; i < 10; i++) {
      const topic = `${await kafka.topic(1)}-made`;
      const [, marks] = await Promise.all([maker.createTopic(topic, 16), asked(topic)]);
      expect(marks).toEqual(none);
    }
    await Promise.all([maker.close(), other.close()]);
  });

  it("sending to a missing topic fails as such", async () => {
    await failure(KafkaProducer.open(kafka.options, "no-such-topic"), "kafka_topic_missing");
    const topic = await kafka.topic();
    const producer = await KafkaProducer.open(kafka.options, topic, { retries: 1 });
    await kafka.deleteTopic(topic);
    await failure(producer.send([{ value: "x" }]), "kafka_topic_missing");
    await producer.close();
  });

  it("a missing broker is unreachable, and its address is named", async () => {
    const error = await failure(KafkaAdmin.open({ ...kafka.options, brokers: ["127.0.0.1:1"] }), "kafka_unreachable");
    expect(error.message).toContain("127.0.0.1:1");
  });

  it("a peer that is not a broker is unreachable", async () => {
    const server = createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const { port } = server.address() as { port: number };
    const options = { ...kafka.options, brokers: [`127.0.0.1:${port}`], retries: 1, requestTimeoutMs: 1000 };
    await failure(KafkaAdmin.open(options), "kafka_unreachable");
    server.close();
  });

  it("TLS to a plaintext listener is unreachable, with a hint about TLS", async () => {
    const options = { ...kafka.options, ssl: true, retries: 0 };
    const error = await failure(KafkaAdmin.open(options), "kafka_unreachable");
    expect(error.hint).toMatch(/TLS|up/);
  });

  it("a listener with a login or TLS names what it requires: the hint only spoke of addresses", async () => {
    if (!kafka.saslBrokers || !kafka.tls) return;
    for (const brokers of [kafka.saslBrokers, kafka.tls.brokers]) {
      const open = withAdmin({ ...kafkaOptions(brokers, {}), retries: 0 }, (admin) => admin.topics());
      expect((await failure(open, "kafka_unreachable")).hint).toMatch(/KAFKA_SSL.*KAFKA_USERNAME/);
    }
  });

  it("a login at a listener that takes none has the hint to leave it out, not to check the password", async () => {
    const sasl = { mechanism: "plain", username: "alice", password: "alice-secret" } as const;
    const error = await failure(KafkaAdmin.open({ ...kafka.options, sasl, retries: 0 }), "kafka_auth");
    expect(error.hint).toContain("takes no login");
  });

  it.each(["plain", "scram-sha-256", "scram-sha-512"] as const)(
    "%s accepts the right password only",
    async (mechanism) => {
      if (!kafka.saslBrokers) return;
      const [[username, password]] = Object.entries(USERS);
      const environment = { KAFKA_SASL_MECHANISM: mechanism, KAFKA_USERNAME: username, KAFKA_PASSWORD: password };
      const right = kafkaOptions(kafka.saslBrokers, environment);
      expect(await withAdmin(right, (admin) => admin.topics())).toBeInstanceOf(Array);
      const wrong = kafkaOptions(kafka.saslBrokers, { ...environment, KAFKA_PASSWORD: "guess" });
      const error = await failure(KafkaAdmin.open(wrong), "kafka_auth");
      expect(`${error.message}${error.hint}`).not.toContain("guess");
      await failure(KafkaProducer.open(wrong, "any"), "kafka_auth");
    },
  );

  it("TLS accepts only the configured certificate, also with a login; commands take both from the environment", async () => {
    if (!kafka.tls) return;
    const { brokers, ca } = kafka.tls;
    const [[username, password]] = Object.entries(USERS);
    const login = { KAFKA_SASL_MECHANISM: "scram-sha-512", KAFKA_USERNAME: username, KAFKA_PASSWORD: password };
    const topic = await kafka.topic(2);
    const right = kafkaOptions(brokers, { ...login, KAFKA_SSL_CA: ca });
    const producer = await KafkaProducer.open(right, topic);
    const value = "x".repeat(300_000);
    await producer.send([{ value }]);
    await producer.close();
    const pieces = vi.spyOn(AnswerReader.prototype, "read");
    expect((await readTopic(right, topic)).map(({ value }) => String(value))).toEqual([value]);
    expect(pieces).toHaveBeenCalled();
    pieces.mockRestore();
    const wrongTls = kafkaOptions(brokers, { ...login, KAFKA_SSL: "true" });
    const error = await failure(KafkaAdmin.open({ ...wrongTls, retries: 0 }), "kafka_unreachable");
    expect(error.hint).toContain("KAFKA_SSL_CA");
    await failure(
      KafkaAdmin.open(kafkaOptions(brokers, { ...login, KAFKA_SSL_CA: ca, KAFKA_PASSWORD: "no" })),
      "kafka_auth",
    );
    const args = ["dist/cli/main.js", "lag", "--kafka", brokers, "--topic", topic, "--group", "g", "--json"];
    const env = { ...process.env, ...login, KAFKA_SSL_CA: ca };
    expect(JSON.parse(spawnSync(process.execPath, args, { env, encoding: "utf8" }).stdout)).toMatchObject({ lag: 1 });
  });

  it("a client prints nothing by itself", () => {
    const code = `import { withAdmin } from "./dist/sources/kafka/admin.js";
      await withAdmin({ brokers: ["${kafka.brokers}"] }, (admin) => admin.topics());
      await withAdmin({ brokers: ["127.0.0.1:1"], retries: 0 }, (admin) => admin.topics()).catch(() => {});`;
    const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", code], {
      encoding: "utf8",
    });
    expect([status, stdout, stderr]).toEqual([0, "", ""]);
  });
});
