import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { KafkaAdmin, withAdmin } from "../../src/sources/kafka/admin.js";
import { kafkaOptions } from "../../src/sources/kafka/client.js";
import { KafkaProducer } from "../../src/sources/kafka/producer.js";
import { digests, ended, run, start, temporary } from "../e2e/hashbrook.js";
import { until } from "../until.js";
import {
  type BrokerFacts,
  describeBroker,
  failure,
  killBroker,
  readTopic,
  startBroker,
  stopBroker,
} from "./harness.js";
import { fourLanes, laneLine, splitTables, unevenly, WHOLE_ROUNDS } from "./lane-runs.js";
import { rows, training, waitForLog } from "./trainers.js";

describeBroker("when the broker", () => {
  let broker: BrokerFacts;
  let restarting: Promise<unknown>;
  beforeAll(async () => {
    broker = await startBroker({ dir: temporary() });
  }, 120_000);
  afterEach(() => restarting);
  afterAll(() => killBroker(broker));

  it("is killed and restarted while messages are sent: all arrive once and in order", async () => {
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
  }, 180_000);

  it("stays down: sending fails as unreachable, and the same producer continues once it is back", async () => {
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
  }, 180_000);

  it("is killed and restarted under a trainer, which is not ready meanwhile and learns every event once", async () => {
    const options = kafkaOptions(broker.brokers);
    const events = await rows(3000);
    const send = async (lines: string[]) => {
      const producer = await KafkaProducer.open(options, "learned");
      await producer.send(lines.map((value, i) => ({ value, partition: i % 2 })));
      await producer.close();
    };
    await withAdmin(options, (admin) => admin.createTopic("learned", 2));
    await send(events.slice(0, 1000));
    const child = start([...training(broker, "learned", temporary()), "--metrics-port", "0", "--json"]);
    const exit = ended(child);
    const [, url] = await waitForLog(child, /"metrics":"(http:[^"]+)\/metrics"/);
    const ready = async () => (await fetch(`${url}/v2/health/ready`)).status;
    await until(async () => (await ready()) === 200);
    await killBroker(broker);
    await until(async () => (await ready()) === 503);
    broker = await startBroker({ dir: broker.dir, keep: true });
    await send(events.slice(1000));
    await until(async () => (await ready()) === 200);
    await waitForLog(child, /"examples":3000,/);
    child.kill("SIGINT");
    const { status, stdout } = await exit;
    expect(status).toBe(0);
    expect(JSON.parse(stdout.trim().split("\n").at(-1)!)).toMatchObject({ examples: 3000, rejected: 0, duplicates: 0 });
  }, 180_000);

  // So many events that a second passes between the first progress with learned ones and the end.
  it.each([
    ["lanes of several processes", "lanes", 30_000, fourLanes(WHOLE_ROUNDS), ["--processes", "2"]],
    ["lanes and owners", "owned", 9000, splitTables(WHOLE_ROUNDS), ["--processes", "2", "--owners", "2"]],
  ] as const)(
    "is killed and restarted under %s: the bytes are those of an undisturbed run",
    async (_, topic, events, spec, processes) => {
      const options = kafkaOptions(broker.brokers);
      await withAdmin(options, (admin) => admin.createTopic(topic, 6));
      const producer = await KafkaProducer.open(options, topic);
      await producer.send(await unevenly(events));
      await producer.close();
      const [calm, out] = [temporary(), temporary()];
      expect(await run(laneLine(broker, topic, calm, spec))).toMatchObject({ status: 0 });
      const launcher = start(laneLine(broker, topic, out, spec, ...processes));
      const end = ended(launcher);
      await waitForLog(launcher, /"examples":[1-9]/);
      await killBroker(broker);
      broker = await startBroker({ dir: broker.dir, keep: true });
      expect(launcher.exitCode).toBeNull();
      const outcome = await end;
      expect(outcome, outcome.stderr).toMatchObject({ status: 0 });
      expect(digests(out)).toEqual(digests(calm));
    },
    180_000,
  );
});
