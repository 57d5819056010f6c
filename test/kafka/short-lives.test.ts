import { readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { ended, report, start, temporary } from "../e2e/hashbrook.js";
import { describeKafka } from "./harness.js";
import { rows } from "./trainers.js";

const EVENTS = 60_000;

/** Examples in the newest checkpoint; -1 before there is one. */
function saved(out: string): number {
  const numbers = readdirSync(out).map((name) => Number(/^checkpoint-(\d+)$/.exec(name)?.[1] ?? -1));
  return Math.max(-1, ...numbers);
}

describeKafka("a trainer that is killed again and again within seconds", (kafka) => {
  it("goes on in every life, with the default time between checkpoints, while it repeats what it had published, too", async () => {
    const [topic, out] = [await kafka.topic(2), temporary()];
    await kafka.produce(
      topic,
      (await rows(EVENTS)).map((value) => ({ value })),
    );
    const args = [
      ...["train", "--model", "features/ads-demo.yaml", "--kafka", kafka.brokers, "--topic", topic, "--group", topic],
      ...["--out", out, "--resume", "--publish", `${out}/deltas`, "--publish-ms", "50"],
    ];
    const places = [0];
    for (let life = 0; life < 4; life++) {
      const child = start(args);
      const over = ended(child);
      for (let i = 0; i < 600 && saved(out) <= places[life]; i++) await sleep(50);
      // Some more is learned and published, which the next life repeats.
      await sleep(150);
      child.kill("SIGKILL");
      const { stderr } = await over;
      places.push(saved(out));
      expect(places[life + 1], stderr).toBeGreaterThan(places[life]);
    }
    expect((await report([...args, "--until", "end"])).examples).toBe(EVENTS);
  });
});
