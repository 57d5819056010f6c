import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { report, run, temporary } from "../e2e/hashbrook.js";
import { describeKafka } from "./harness.js";
import { rows, training } from "./trainers.js";

describeKafka("a record batch that was corrupted on the broker's disk", (kafka) => {
  it("is never learned: the run ends with its position, and resumes when it is repaired", async () => {
    const folder = process.env.HASHBROOK_TEST_BROKER;
    if (process.env.KAFKA_BROKERS || !folder) return expect(kafka.tls).toBeNull();
    const topic = await kafka.topic(1);
    const events = await rows(600);
    for (let from = 0; from < 600; from += 200)
      await kafka.produce(
        topic,
        events.slice(from, from + 200).map((value) => ({ value })),
      );
    const segment = join(folder, "data", `${topic}-0`, `${"0".repeat(20)}.log`);
    const sound = readFileSync(segment);
    const rotten = Buffer.from(sound);
    // A number in one of the last events: without the checksum it would be learned.
    rotten[rotten.lastIndexOf(events[500]) + events[500].length - 1] ^= 1;
    writeFileSync(segment, rotten);
    const out = temporary();
    const args = [...training(kafka, topic, out), "--until", "end", "--resume"];
    const { status, stderr } = await run(args);
    expect(stderr).toContain(`topic ${topic}, partition 0: the record batch at offset 400 is damaged`);
    expect(status).toBe(8);
    writeFileSync(segment, sound);
    const { logloss } = await report([...training(kafka, topic, temporary()), "--until", "end"]);
    expect(await report(args)).toMatchObject({ examples: 600, examples_this_run: 200, logloss });
  });
});
