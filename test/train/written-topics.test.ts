import { expect, it } from "vitest";
import { run, temporary } from "../e2e/hashbrook.js";

const KAFKA = "127.0.0.1:1";

it.each([
  ["--dead-letter-topic: ads is the topic of --topic", ["--dead-letter-topic", "ads"]],
  ["--publish: ads is the topic of --topic", ["--publish", `kafka://${KAFKA}/ads`]],
  [
    "--dead-letter-topic: log is the topic of --publish",
    ["--dead-letter-topic", "log", "--publish", `kafka://${KAFKA}/log`],
  ],
  [
    "--publish: log is the topic of --publish",
    ["--publish", `kafka://${KAFKA}/log`, `kafka://other:9092,${KAFKA}/log`],
  ],
  [
    "--dead-letter-topic: clicks is the topic of --clicks-topic",
    ["--clicks-topic", "clicks", "--dead-letter-topic", "clicks"],
  ],
  ["--late-topic: clicks is the topic of --clicks-topic", ["--clicks-topic", "clicks", "--late-topic", "clicks"]],
])(
  "is not written into where it is read, or has entries: rejected events were read again without end: %s",
  async (message, flags) => {
    const model = flags.includes("--clicks-topic") ? "features/ads-demo-join.yaml" : "features/ads-demo-lr.yaml";
    const topic = ["--kafka", KAFKA, "--topic", "ads", "--out", temporary()];
    const { status, stderr } = await run(["train", "--model", model, ...topic, ...flags]);
    expect(stderr).toContain(message);
    expect(status).toBe(2);
  },
);

it("of the same name on other brokers is another one", async () => {
  const flags = ["--topic", "ads", "--publish", "kafka://127.0.0.1:2/ads", "--out", temporary()];
  const { stderr } = await run(["train", "--model", "features/ads-demo-lr.yaml", "--kafka", KAFKA, ...flags]);
  expect(stderr).toContain("ECONNREFUSED");
});
