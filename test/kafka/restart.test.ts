import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { KafkaAdmin } from "../../src/sources/kafka/admin.js";
import { kafkaOptions } from "../../src/sources/kafka/client.js";
import { KafkaProducer } from "../../src/sources/kafka/producer.js";
import { temporary } from "../e2e/hashbrook.js";
import {
  type BrokerFacts,
  describeBroker,
  failure,
  killBroker,
  readTopic,
  startBroker,
  stopBroker,
} from "./harness.js";

describeBroker("when the broker", () => {
  let broker: BrokerFacts;
  let restarting: Promise<unknown>;
  beforeAll(async () => {
    broker = await startBroker({ dir: temporary() });
  }, 120_000);
  afterEach(() => restarting);
  afterAll(() => killBroker(broker));

  it("is killed and comes back while messages are sent, all arrive once and in order", async () => {
    const options = kafkaOptions(broker.brokers);
    const admin = await KafkaAdmin.open(options);
    await admin.createTopic("t", 2);
    await admin.close();
    const producer = await KafkaProducer.open(options, "t");
    const record = (n: number) => ({ value: String(n), partition: n % 2 });
    for (let n = 0; n < 300; n++) {
      await producer.send([record(2 * n), record(2 * n + 1)]);
      if (n === 100) {
        restarting = killBroker(broker).then(async () => {
          broker = await startBroker({ dir: broker.dir, keep: true });
        });
      }
    }
    await restarting;
    await producer.close();
    const values = (await readTopic(options, "t")).map(({ value }) => Number(value));
    const numbers = Array.from({ length: 600 }, (_, n) => n);
    expect(values).toEqual([...numbers.filter((n) => n % 2 === 0), ...numbers.filter((n) => n % 2 === 1)]);
  });

  it("stays away, sending fails as unreachable, and the same producer goes on once it is back", async () => {
    const options = kafkaOptions(broker.brokers);
    const admin = await KafkaAdmin.open(options);
    await admin.createTopic("away", 1);
    await admin.close();
    const producer = await KafkaProducer.open(options, "away", { retries: 2 });
    await producer.send([{ value: "before" }]);
    await stopBroker(broker);
    await failure(producer.send([{ value: "lost" }]), "kafka_unreachable");
    broker = await startBroker({ dir: broker.dir, keep: true });
    await producer.send([{ value: "after" }]);
    await producer.close();
    expect((await readTopic(options, "away")).map(({ value }) => String(value))).toEqual(["before", "after"]);
  });
});
