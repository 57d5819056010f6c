import { describe, expect, it } from "vitest";
import { KafkaLog } from "../../src/sources/kafka/kafka-log.js";
import { run, temporary } from "../e2e/hashbrook.js";
import { hasPlatformatic } from "./clients.js";
import { describeKafka } from "./harness.js";
import { training } from "./trainers.js";

it("--kafka-client platformatic requires --group none, and says how to install the library", async () => {
  const args = training({ brokers: "127.0.0.1:1" }, "t", temporary());
  expect(await run([...args, "--kafka-client", "platformatic"])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("--group none"),
  });
});

describe.skipIf(!hasPlatformatic)("@platformatic/kafka", () => {
  describeKafka("reads a topic as kafkajs does", (kafka) => {
    it("logs in, and over TLS", async () => {
      if (!kafka.tls) return expect(kafka.saslBrokers).toBeNull();
      const topic = await kafka.topic(1);
      await kafka.produce(topic, [{ value: "x" }]);
      for (const mechanism of ["plain", "scram-sha-256", "scram-sha-512"] as const) {
        const sasl = { mechanism, username: "alice", password: "alice-secret" };
        const options = { brokers: [kafka.tls.brokers], ssl: { ca: kafka.tls.ca }, sasl };
        const membership = { id: null, named: () => {} };
        const client = "platformatic";
        const log = await KafkaLog.join({ kafka: options, topic, group: null, client, onLost: "stop", membership });
        log.begin(await log.watermarks(), [0n], []);
        while (!log.head(0)) await log.wait(100);
        expect(log.head(0)!.messages.length).toBe(1);
        await log.close();
      }
    });

    it("reads nothing from a topic that was recreated under the same name", async () => {
      const topic = await kafka.topic(1);
      await kafka.produce(topic, [{ value: "first" }]);
      const membership = { id: null, named: () => {} };
      const client = "platformatic";
      const log = await KafkaLog.join({ kafka: kafka.options, topic, group: null, client, onLost: "stop", membership });
      log.begin(await log.watermarks(), [1n], []);
      await kafka.deleteTopic(topic);
      await kafka.admin.createTopic(topic, 1);
      await kafka.produce(topic, [{ value: "another" }, { value: "one more" }]);
      const waiting = (async () => {
        for (;;) await log.wait(100);
      })();
      await expect(waiting).rejects.toMatchObject({
        code: expect.stringMatching(/^(kafka_topic_missing|topic_replaced)$/),
      });
      expect(log.head(0)).toBeUndefined();
      await log.close();
    });
  });
});
