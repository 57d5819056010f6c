import { existsSync, readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { CheckpointStore, openCheckpoint } from "../../src/checkpoints/store.js";
import { withAdmin } from "../../src/sources/kafka/admin.js";
import { createKafka, type KafkaOptions, kafkaOptions } from "../../src/sources/kafka/client.js";
import { KafkaProducer } from "../../src/sources/kafka/producer.js";
import { digests, ended, report, run, start, temporary } from "../e2e/hashbrook.js";
import { type BrokerFacts, describeBroker, describeKafka, killBroker, startBroker } from "./harness.js";
import { DEEP_CROSSING, rows, saved, training } from "./trainers.js";

const EVENTS = 60_000;

describeBroker("a trainer that is killed again and again within seconds", () => {
  let broker: BrokerFacts;
  beforeAll(async () => {
    // An empty group delays its first rebalance as with Kafka's default settings.
    broker = await startBroker({ dir: temporary(), rebalanceDelayMs: 3_000 });
  }, 120_000);
  afterAll(() => killBroker(broker));

  it("makes progress in every life after the group's initial delay: each replaces the dead member", async () => {
    const [topic, out] = ["events", temporary()];
    await withAdmin(kafkaOptions(broker.brokers), (admin) => admin.createTopic(topic, 2));
    const producer = await KafkaProducer.open(kafkaOptions(broker.brokers), topic);
    await producer.send((await rows(EVENTS)).map((value) => ({ value })));
    await producer.close();
    const args = [
      ...training(broker, topic, out, { model: DEEP_CROSSING }),
      ...["--resume", "--publish", `${out}/deltas`, "--publish-ms", "50"],
    ];
    const live = async (reached: () => boolean) => {
      const child = start(args);
      const over = ended(child);
      while (!reached() && child.exitCode === null) await sleep(5);
      // More is learned and published, which the next life repeats.
      if (saved(out) > 0) await sleep(150);
      child.kill("SIGKILL");
      return (await over).stderr;
    };
    const path = join(out, "member");
    const member = () => (existsSync(path) ? readFileSync(path, "utf8") : null);
    await live(() => member() !== null);
    const [first, places] = [member(), [0]];
    for (let life = 0; life < 4; life++) {
      const stderr = await live(() => saved(out) > places[life]);
      places.push(saved(out));
      expect(places[life + 1], stderr).toBeGreaterThan(places[life]);
      expect(member()).toBe(first);
      expect(await members(kafkaOptions(broker.brokers), topic)).toBe(1);
    }
    expect((await report([...args, "--until", "end"])).examples).toBe(EVENTS);
  }, 300_000);
});

/** An intact checkpoint of twice as many events, from which no model can be loaded. */
function saveUnloadable(out: string): string {
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

async function members(options: KafkaOptions, group: string): Promise<number> {
  const admin = createKafka(options).kafka.admin();
  await admin.connect();
  const { groups } = await admin.describeGroups([group]);
  await admin.disconnect();
  return groups[0].members.length;
}

describeKafka("a trainer that has joined its group while its model loads", (kafka) => {
  it("leaves the group without progress if the model does not load; reads from an older checkpoint's position if the newest is damaged", async () => {
    const [topic, out, whole] = [await kafka.topic(2), temporary(), temporary()];
    await kafka.produce(
      topic,
      (await rows(9_000)).map((value) => ({ value })),
    );
    const args = (group: string, directory: string) => [
      ...training(kafka, topic, directory, { group }),
      ...["--resume", "--until", "end"],
    ];
    await report([...args(topic, out), "--limit", "4096"]);
    const committed = await kafka.admin.committed(topic, topic);
    const unloadable = saveUnloadable(out);
    const { status, stderr } = await run(args(topic, out));
    expect([status, stderr]).toEqual([5, expect.stringContaining("is missing")]);
    expect(await members(kafka.options, topic)).toBe(0);
    expect(await kafka.admin.committed(topic, topic)).toEqual(committed);
    truncateSync(join(unloadable, "manifest.json"), 100);
    const { examples, passed_over } = await report(args(topic, out));
    expect([examples, passed_over.map(({ path }) => path)]).toEqual([9_000, [unloadable]]);
    await report(args(`${topic}-whole`, whole));
    expect(digests(out)).toEqual(digests(whole));
  });
});
