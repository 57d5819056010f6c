import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { judgePolicy } from "../../src/impression-log/ips.js";
import { Recorder } from "../../src/impression-log/recorder.js";
import { verifyLog } from "../../src/impression-log/verify.js";
import { Explorer } from "../../src/serve/explore/policy.js";
import { createServer } from "../../src/serve/server.js";
import { temporary } from "../e2e/hashbrook.js";
import { shop } from "../serve/served.js";
import { describeKafka } from "./harness.js";

const options = { share: 1, tell: () => {} };

describeKafka("a server's log of impressions in a topic", (kafka) => {
  it("has one message per candidate, keyed by request, in order", async () => {
    const topic = await kafka.topic(3);
    const { scorer, close } = await shop();
    const impressions = await Recorder.open(`kafka://${kafka.brokers}/${topic}`, {}, options);
    const app = createServer(scorer, { impressions, maxEventLoopDelay: 0 });
    const ids = Array.from({ length: 20 }, (_, i) => `request-${i}`);
    for (const id of ids) {
      const headers = { "content-type": "application/json", "x-request-id": id };
      const payload = { context: { user: { id: 5 } }, candidates: [{ item: { id: "i1" } }, { item: { id: "i2" } }] };
      expect((await app.inject({ method: "POST", url: "/v1/score", headers, payload })).statusCode).toBe(200);
    }
    await impressions.close();
    await close();
    const messages = await kafka.read(topic);
    expect(messages).toHaveLength(40);
    for (const id of ids) {
      const own = messages.filter(({ key }) => key === id);
      expect(new Set(own.map(({ partition }) => partition)).size).toBe(1);
      const lines = own.map(({ value }) => JSON.parse(value.toString()));
      expect(lines.map(({ hashbrook, item }) => [hashbrook.request, hashbrook.position, item.id])).toEqual([
        [id, 0, "i1"],
        [id, 1, "i2"],
      ]);
    }
    expect(impressions.counts).toEqual({ written: 40, dropped: { queue: 0, write: 0, too_long: 0 }, waiting: 0 });
  });

  it("leaves out only what the topic does not accept: one long event cost all that were written with it", async () => {
    const topic = await kafka.topic(1, { "max.message.bytes": "20000" });
    const { scorer, close } = await shop();
    const impressions = await Recorder.open(`kafka://${kafka.brokers}/${topic}`, {}, options);
    const app = createServer(scorer, { impressions, maxEventLoopDelay: 0 });
    const scores = Array.from({ length: 100 }, (_, i) => {
      const payload = {
        context: { user: { id: 5 } },
        candidates: [{ item: { id: i === 50 ? "x".repeat(30_000) : "i1" } }],
      };
      return app.inject({ method: "POST", url: "/v1/score", payload });
    });
    expect(new Set((await Promise.all(scores)).map(({ statusCode }) => statusCode))).toEqual(new Set([200]));
    await impressions.close();
    await close();
    expect(await kafka.read(topic)).toHaveLength(99);
    expect(impressions.counts).toEqual({ written: 99, dropped: { queue: 0, write: 0, too_long: 1 }, waiting: 0 });
  });

  it("is verified, and used to evaluate a policy, like a log in files", async () => {
    const [topic, earned] = [await kafka.topic(3), await kafka.topic(2)];
    const served = await shop();
    const log = `kafka://${kafka.brokers}/${topic}`;
    const impressions = await Recorder.open(log, {}, options);
    const explorer = Explorer.of("softmax:1");
    const app = createServer(served.scorer, { impressions, explorer, maxEventLoopDelay: 0 });
    const candidates = ["i1", "i2", "i3"].map((id) => ({ item: { id } }));
    for (let i = 0; i < 60; i++) {
      const headers = { "content-type": "application/json", "x-request-id": `r${i}` };
      const payload = { context: { user: { id: i } }, candidates };
      await app.inject({ method: "POST", url: "/v1/score", headers, payload });
    }
    await impressions.close();
    await kafka.produce(
      earned,
      [3, 7, 21].map((i) => ({ value: JSON.stringify({ id: `r${i}/0`, reward: 2 }), partition: i % 2 })),
    );
    const lines = (await kafka.read(topic)).map(({ value }) => value.toString());
    const folder = temporary();
    const [file, rewards] = [join(folder, "log.jsonl"), join(folder, "rewards.jsonl")];
    writeFileSync(file, `${lines.join("\n")}\n`);
    writeFileSync(rewards, [3, 7, 21].map((i) => JSON.stringify({ id: `r${i}/0`, reward: 2 })).join("\n"));
    const { checkpoint } = served;
    expect(await verifyLog({ log: [log], checkpoint })).toMatchObject({ verified: 180, difference: null });
    const { seconds: _, ...judged } = await judgePolicy({
      log: [log],
      rewards: [`kafka://${kafka.brokers}/${earned}`],
      checkpoint,
    });
    expect(judged.requests).toBe(60);
    expect(await judgePolicy({ log: [file], rewards: [rewards], checkpoint })).toMatchObject(judged);
    await kafka.produce(topic, [
      { value: lines[9].replace(/"probability":[\d.]+/, '"probability":0.5'), partition: 2 },
    ]);
    const { difference } = await verifyLog({ log: [log], checkpoint });
    expect(difference).toMatchObject({ file: `${topic}[2]`, what: "probability", logged: 0.5 });
    await served.close();
  });

  it("fails if the topic does not exist", async () => {
    const log = `kafka://${kafka.brokers}/no-such-topic`;
    await expect(Recorder.open(log, {}, options)).rejects.toMatchObject({ code: "kafka_topic_missing" });
  });
});
