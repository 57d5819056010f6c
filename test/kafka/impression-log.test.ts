import { expect, it } from "vitest";
import { Recorder } from "../../src/impression-log/recorder.js";
import { createServer } from "../../src/serve/server.js";
import { shop } from "../serve/served.js";
import { describeKafka } from "./harness.js";

const options = { share: 1, tell: () => {} };

describeKafka("a server's log of impressions in a topic", (kafka) => {
  it("has a message a candidate, keyed by the request, in order", async () => {
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

  it("is refused where the topic is not there", async () => {
    const log = `kafka://${kafka.brokers}/no-such-topic`;
    await expect(Recorder.open(log, {}, options)).rejects.toMatchObject({ code: "kafka_topic_missing" });
  });
});
