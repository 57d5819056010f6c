import { expect, it } from "vitest";
import { USERS } from "../../scripts/kafka-broker.mjs";
import { createKafka } from "../../src/sources/kafka/client.js";
import { run, temporary } from "../e2e/hashbrook.js";
import { describeKafka, type TestKafka } from "./harness.js";
import { rows, training } from "./trainers.js";

/** Kafka's numbers of resource types, operations and permissions. */
const [TOPIC, GROUP] = [2, 3];
const [READ, DESCRIBE] = [3, 8];
const [LITERAL, ALLOW] = [3, 3];

/** Gives a right to a topic or group, and so takes all others from every user. */
async function allow(kafka: TestKafka, user: string, resourceType: number, name: string, operation: number) {
  const admin = createKafka(kafka.options).kafka.admin();
  await admin.connect();
  const resource = { resourceType, resourceName: name, resourcePatternType: LITERAL };
  const right = { ...resource, principal: `User:${user}`, host: "*", operation, permissionType: ALLOW };
  await admin.createAcls({ acl: [right] });
  await admin.disconnect();
}

/** Trains as alice, who logs in. */
async function trained(kafka: TestKafka, topic: string, group: string) {
  const args = training(kafka, topic, temporary(), { group });
  const login = { KAFKA_USERNAME: "alice", KAFKA_PASSWORD: USERS.alice, KAFKA_SASL_MECHANISM: "scram-sha-256" };
  Object.assign(process.env, login);
  try {
    const at = args.indexOf(kafka.brokers);
    return await run([...args.with(at, kafka.saslBrokers!), "--until", "end"]);
  } finally {
    for (const name of Object.keys(login)) delete process.env[name];
  }
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
    await allow(kafka, "nobody", GROUP, topic, READ);
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
      await allow(kafka, "alice", TOPIC, topic, DESCRIBE);
      const { status, stderr } = await trained(kafka, topic, group === "none" ? group : topic);
      expect(stderr).toMatch(/Not authorized to access topics|no right to read it/);
      expect(stderr).not.toContain("object Object");
      expect(status).toBe(8);
    },
  );
});
