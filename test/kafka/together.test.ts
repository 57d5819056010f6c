import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Rng } from "../../src/core/rng.js";
import { readOrder } from "../../src/train/ordering/order-log.js";
import type { TogetherReport } from "../../src/train/together/options.js";
import { digests, ended, report, run, start, temporary } from "../e2e/hashbrook.js";
import { describeKafka } from "./harness.js";
import { killedSoon, LR, rows, training } from "./trainers.js";

const EVENTS = 12_000;
const PARTITIONS = 3;
/** Kills at a write, and at a random time, a quarter of the way at most. */
const KILLS = [5, null, 12, 20];

describeKafka("several models from one topic", (kafka) => {
  const folder = temporary();
  const names = ["lr", "fast", "small"];
  const spec = (name: string) => join(folder, `${name}.yaml`);

  it("each have the bytes they have alone, however often they are killed", async () => {
    const lr = readFileSync(LR, "utf8").concat("train: { batch: 256 }\n");
    writeFileSync(spec("lr"), lr);
    writeFileSync(spec("fast"), lr.replace("alpha: 0.1", "alpha: 0.5"));
    writeFileSync(spec("small"), lr.replace("rows: 65_536", "rows: 4_096"));
    const topic = await kafka.topic(PARTITIONS);
    const lines = await rows(EVENTS, 5);
    // Some are malformed, some are sent twice.
    const records = lines.flatMap((line, i) => {
      const record = { value: i % 1000 === 999 ? line.slice(0, 9) : line, partition: (i >> 5) % PARTITIONS };
      return i % 700 === 0 ? [record, record] : [record];
    });
    await kafka.produce(topic, records);

    const out = join(folder, "together");
    const often = ["--checkpoint-every", "1000", "--until", "end", "--resume", "--json"];
    const models = names.slice(1).flatMap((name) => ["--model", spec(name)]);
    const args = [...training(kafka, topic, out, { model: spec("lr"), group: `${topic}-all` }), ...models, ...often];
    const rng = new Rng(7);
    let died = 0;
    for (const at of KILLS) {
      const child = start(args, at === null ? undefined : `${at} ${rng.below(2) === 0 ? "before" : "after"}`);
      const end = ended(child);
      if (at === null) await killedSoon(child, join(out, "lr"), 800 + rng.below(1500), EVENTS / 4);
      if ((await end).status === null) died++;
    }
    expect(died).toBeGreaterThan(2);
    const together = (await report(args)) as unknown as TogetherReport;
    expect(together.decoders).toBe(1);

    for (const [i, name] of names.entries()) {
      const alone = join(folder, name);
      const wanted = await report([
        ...training(kafka, topic, alone, { model: spec(name), group: `${topic}-${name}` }),
        ...often,
      ]);
      const own = together.contenders[i].report!;
      expect([own.examples, own.rejected, own.duplicates]).toEqual([
        wanted.examples,
        wanted.rejected,
        wanted.duplicates,
      ]);
      expect(digests(join(out, name)), name).toEqual(digests(alone));
      // A model whose order log is ahead of the leading model's position voids the rest and records it again.
      expect(
        readOrder(join(out, name), () => true),
        name,
      ).toEqual(readOrder(alone, () => true));
    }
    // The offset that all models have saved is the committed one.
    const lag = await run(["lag", "--kafka", kafka.brokers, "--topic", topic, "--group", `${topic}-all`, "--json"]);
    expect(lag.stdout).toMatch(/"lag":0/);
    expect(readdirSync(out).sort()).toEqual(["commands.jsonl", "fast", "lr", "member", "small", "together.json"]);
  }, 600_000);

  it("that decode events differently are refused, since a topic is read once", async () => {
    const topic = await kafka.topic(1);
    writeFileSync(spec("other"), readFileSync(spec("lr"), "utf8").replace("batch: 256", "batch: 128"));
    const args = training(kafka, topic, join(folder, "refused"), { model: spec("lr") });
    const { status, stderr } = await run([...args, "--model", spec("other"), "--until", "end"]);
    expect([status, stderr]).toEqual([2, expect.stringContaining("train.batch: 256, not 128")]);
  });
});
