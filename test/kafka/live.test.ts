import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { Rng } from "../../src/core/rng.js";
import { openFollow } from "../../src/delta-log/open.js";
import { Scorer } from "../../src/serve/scorer.js";
import { KafkaProducer } from "../../src/sources/kafka/producer.js";
import { digests, ended, report, simulatedLines, start, temporary } from "../e2e/hashbrook.js";
import { until } from "../until.js";
import { describeKafka } from "./harness.js";
import { DEEP_CROSSING, training } from "./trainers.js";

const EVENTS = 24_000;

describeKafka("a trainer that is killed while events keep coming", (kafka) => {
  it("publishes the same entries again: a follower sees no contradiction, and ends with the trainer's model", async () => {
    const topic = await kafka.topic(3);
    const out = temporary();
    const log = join(out, "deltas");
    const flags = (directory: string) => [...training(kafka, topic, directory, { model: DEEP_CROSSING }), "--resume"];
    const args = [
      ...flags(out),
      ...["--publish", log, "--publish-ms", "40", "--linger-ms", "20", "--checkpoint-every", "3000"],
    ];
    const follower = Scorer.follow(openFollow(log));
    const producing = sendUnevenly(kafka.options, topic);
    const rng = new Rng(9);
    let kills = 0;
    while (!(await settled(producing))) {
      const child = start([...args, "--json"]);
      const exit = ended(child);
      await Promise.race([sleep(1500 + rng.below(1500)), exit]);
      child.kill("SIGKILL");
      const { stderr } = await exit;
      expect(child.signalCode, stderr).toBe("SIGKILL");
      kills++;
    }
    expect(kills).toBeGreaterThanOrEqual(4);
    const done = await report([...args, "--until", "end"]);
    expect(done.examples).toBe(EVENTS);
    await until(
      () => follower.version?.version === EVENTS,
      () => follower.health(),
    );
    expect(follower.health().replica).toMatchObject({ conflicts: 0, gaps: 0, damaged: 0, resyncs: 0 });
    const trained = await Scorer.load(out);
    const rows = (await simulatedLines(40, 3, "json")).map((line) => JSON.parse(line));
    const body = Buffer.from(JSON.stringify({ candidates: rows }));
    expect((await follower.score(body)).scores).toEqual((await trained.score(body)).scores);
    expect((await follower.score(body)).model.version).toBe(EVENTS);
    // Learned again from the topic's beginning, in the order of order.log: the same bytes.
    const again = temporary();
    copyFileSync(join(out, "order.log"), join(again, "order.log"));
    await report([...flags(again), "--until", "end"]);
    const data = (of: string) => Object.entries(digests(of)).filter(([name]) => !name.endsWith("manifest.json"));
    expect(data(again)).toEqual(data(out));
    await Promise.all([follower.close(), trained.close()]);
  }, 180_000);
});

/** Sends all events, about 2,000 per second, in small uneven portions to the partitions. */
async function sendUnevenly(options: Parameters<typeof KafkaProducer.open>[0], topic: string): Promise<void> {
  const producer = await KafkaProducer.open(options, topic);
  const rng = new Rng(4);
  const events = await simulatedLines(EVENTS, 3);
  for (let from = 0; from < events.length; ) {
    const count = 1 + rng.below(120);
    const partition = rng.below(3);
    await producer.send(events.slice(from, from + count).map((value) => ({ value, partition })));
    from += count;
    await sleep(rng.below(60));
  }
  await producer.close();
}

async function settled(promise: Promise<unknown>): Promise<boolean> {
  return (await Promise.race([promise.then(() => true), sleep(0).then(() => false)])) as boolean;
}
