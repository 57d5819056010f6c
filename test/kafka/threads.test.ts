import { readdirSync } from "node:fs";
import { expect, it } from "vitest";
import { digests, report, run, temporary } from "../e2e/hashbrook.js";
import { startedBy } from "../train/started.js";
import { describeKafka } from "./harness.js";
import { fourLanes, learnedBy, topicOf as unevenTopic, WHOLE_ROUNDS } from "./lane-runs.js";
import { rows, training } from "./trainers.js";

describeKafka("threads that have read a topic to its end", (kafka) => {
  it("are reused for other topics and files, leave no connection open, and give the same models as new threads", async () => {
    const topics = await Promise.all([300, 200].map(topicOf));
    const [outs, groups] = [topics.map(temporary), ["a", "b"]];
    const train = (i: number, out: string, group: string) =>
      report([...training(kafka, topics[i], out, { group: `${topics[i]}-${group}` }), "--until", "end"]);
    await train(0, outs[0], groups[0]);
    const open = () => (process.platform === "linux" ? readdirSync("/proc/self/fd").length : 0);
    const before = open();
    const again = temporary();
    const started = await startedBy(async () => {
      expect(await train(1, outs[1], groups[0])).toMatchObject({ examples: 200, ended_by: "end" });
      expect(await run(["eval", "--checkpoint", outs[1], "--data", "simulate:100"])).toMatchObject({ status: 0 });
      expect(await train(0, again, groups[1])).toMatchObject({ examples: 300, ended_by: "end" });
    });
    expect(started).toBe(0);
    expect(digests(again)).toEqual(digests(outs[0]));
    expect(open()).toBeLessThanOrEqual(before);
  });

  it("are not reused if a topic was not read to its end", async () => {
    const topic = await topicOf(100);
    await report([...training(kafka, topic, temporary()), "--until", "end"]);
    const missing = training(kafka, `${topic}-missing`, temporary());
    expect((await run([...missing, "--until", "end"])).stderr).toContain("-missing does not exist on");
    expect(await startedBy(() => report([...training(kafka, topic, temporary()), "--until", "end"]))).toBe(3);
  });

  it("compute the lanes of several runs in turn", async () => {
    const topic = await unevenTopic(kafka, 300);
    const model = fourLanes(WHOLE_ROUNDS);
    const [one, other] = [`${topic}.one`, `${topic}.other`];
    const first = await learnedBy(model, kafka, topic, "--rounds-topic", one);
    const started = await startedBy(async () => {
      const second = await learnedBy(model, kafka, topic, "--rounds-topic", other);
      expect(second.files).toEqual(first.files);
    });
    expect(started).toBe(0);
  });

  async function topicOf(count: number): Promise<string> {
    const topic = await kafka.topic(2);
    await kafka.produce(
      topic,
      (await rows(count)).map((value, i) => ({ value, partition: i % 2 })),
    );
    return topic;
  }
});
