import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import { USERS } from "../../scripts/kafka-broker.mjs";
import { withAdmin } from "../../src/sources/kafka/admin.js";
import { createKafka, type KafkaOptions, kafkaOptions } from "../../src/sources/kafka/client.js";
import { run, temporary } from "../e2e/hashbrook.js";
import { type BrokerFacts, describeBroker, describeKafka, killBroker, startBroker, type TestKafka } from "./harness.js";
import { rows, training } from "./trainers.js";

/** Kafka's numbers of resource types, operations and permissions. */
const [TOPIC, GROUP, CLUSTER] = [2, 3, 4];
const [READ, WRITE, DESCRIBE, IDEMPOTENT_WRITE] = [3, 4, 8, 12];
const [LITERAL, DENY, ALLOW] = [3, 2, 3];

/** Gives a right to a topic or group, and so takes all others from every user; or denies one. */
async function allow(
  options: KafkaOptions,
  user: string,
  resourceType: number,
  name: string,
  operation: number,
  permissionType = ALLOW,
) {
  const admin = createKafka(options).kafka.admin();
  await admin.connect();
  const resource = { resourceType, resourceName: name, resourcePatternType: LITERAL };
  const right = { ...resource, principal: `User:${user}`, host: "*", operation, permissionType };
  await admin.createAcls({ acl: [right] });
  await admin.disconnect();
}

/** Runs a command as alice, who logs in. */
async function asAlice(args: readonly string[]) {
  vi.stubEnv("KAFKA_USERNAME", "alice");
  vi.stubEnv("KAFKA_PASSWORD", USERS.alice);
  vi.stubEnv("KAFKA_SASL_MECHANISM", "scram-sha-256");
  try {
    return await run(args);
  } finally {
    vi.unstubAllEnvs();
  }
}

// A command that is over its test's time would leave its login to the next test.
afterEach(() => void vi.unstubAllEnvs());

/** Trains as alice. */
function trained(kafka: TestKafka, topic: string, group: string) {
  const args = training(kafka, topic, temporary(), { group });
  const given = [...args.with(args.indexOf(kafka.brokers), kafka.saslBrokers!), "--until", "end"];
  return asAlice(given);
}

describeKafka("a trainer without a right", (kafka) => {
  const topicOf = async () => {
    const topic = await kafka.topic();
    await kafka.produce(
      topic,
      (await rows(200)).map((value) => ({ value })),
    );
    return topic;
  };

  it("to its group ends and says so: it waited for ever, with `Failed to find group coordinator`", async ({ skip }) => {
    if (!kafka.saslBrokers) return skip();
    const topic = await topicOf();
    await allow(kafka.options, "nobody", GROUP, topic, READ);
    const { status, stderr } = await trained(kafka, topic, topic);
    expect(stderr).toMatch(/Not authorized to access group/);
    expect(status).toBe(8);
    expect(await trained(kafka, topic, "none")).toMatchObject({ status: 0 });
  });

  it.for(["none", "a group"])(
    "to read its topic ends and says so (%s): it said [object Object]",
    async (group, { skip }) => {
      if (!kafka.saslBrokers) return skip();
      const topic = await topicOf();
      await allow(kafka.options, "alice", TOPIC, topic, DESCRIBE);
      const { status, stderr } = await trained(kafka, topic, group === "none" ? group : topic);
      expect(stderr).toMatch(/Not authorized to access topics|no right to read it/);
      expect(stderr).not.toContain("object Object");
      expect(status).toBe(8);
    },
  );
});

describeKafka("a producer without the right to the topic's settings", (kafka) => {
  it("duplicates nothing if one partition refuses a batch as too large that others take", async ({ skip }) => {
    if (!kafka.saslBrokers) return skip();
    const topic = await kafka.topic(3, { "max.message.bytes": "20000" });
    for (const right of [WRITE, DESCRIBE]) await allow(kafka.options, "alice", TOPIC, topic, right);
    const keys = [...Array<string>(400).fill("many"), ..."abcdefgh"];
    const lines = keys.map((key, n) => JSON.stringify({ key, n, text: "x".repeat(200) }));
    const data = join(temporary(), "skewed.jsonl");
    writeFileSync(data, `${lines.join("\n")}\n`);
    const args = ["produce", "--kafka", kafka.saslBrokers, "--topic", topic, "--data", data, "--key", "key"];
    expect(await asAlice(args)).toMatchObject({ status: 0 });
    const sent = (await kafka.read(topic)).map(({ value }) => String(value));
    expect(sent.sort()).toEqual(lines.sort());
  });
});

describeBroker("a producer without the right to write", () => {
  let broker: BrokerFacts;
  beforeAll(async () => {
    broker = await startBroker({ dir: temporary(), sasl: true });
  }, 120_000);
  afterAll(() => killBroker(broker));

  const told = async () => {
    const args = ["produce", "--kafka", broker.saslBrokers!, "--topic", "events", "--data", "simulate:10:7"];
    const { status, stderr } = await asAlice(args);
    expect(status).toBe(8);
    return stderr;
  };

  it("names its topic and the missing right, also if it has no right to any topic", async () => {
    const options = kafkaOptions(broker.brokers);
    await withAdmin(options, (admin) => admin.createTopic("events", 1));
    await allow(options, "alice", TOPIC, "events", DESCRIBE);
    expect(await told()).toMatch(/^hashbrook: topic events on \S+: Not authorized to access topics.*\n.*WRITE/);
    await allow(options, "alice", TOPIC, "*", WRITE, DENY);
    await allow(options, "alice", CLUSTER, "kafka-cluster", IDEMPOTENT_WRITE, DENY);
    expect(await told()).toMatch(/^hashbrook: topic events on \S+: .*luster.*\n.*WRITE/);
  });
});
