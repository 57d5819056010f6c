import type { ChildProcess } from "node:child_process";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Rng } from "../../src/core/rng.js";
import { openFollow } from "../../src/delta-log/open.js";
import { Scorer } from "../../src/serve/scorer.js";
import { withAdmin } from "../../src/sources/kafka/admin.js";
import { kafkaOptions } from "../../src/sources/kafka/client.js";
import { KafkaProducer } from "../../src/sources/kafka/producer.js";
import type { Report } from "../../src/train/metrics/report.js";
import { digests, ended, report, run, start, temporary } from "../e2e/hashbrook.js";
import { type BrokerFacts, describeBroker, killBroker, startBroker } from "./harness.js";
import { DEEP_CROSSING, killedSoon, LR, training } from "./trainers.js";

/** Fifty in `npm run test:soak`; HASHBROOK_KILLS=1000 takes two hours. */
const KILLS = Number(process.env.HASHBROOK_KILLS ?? 12);
/** Enough for every life to make progress: in four checkpoints at most, of 1,024 events each. */
const MOST_OF_A_LIFE = 4000;
const EVENTS = MOST_OF_A_LIFE * KILLS;
/** For the model that is compared byte for byte with a run without kills. */
const LR_KILLS = process.env.HASHBROOK_SEED ? 8 : 4;
const PARTITIONS = 4;
const MINUTES = 60_000;

/** What does not depend on restarts, speed or reserved capacity: metrics, counts, tables. */
function stableFigures({ tables, ...report }: Report): object {
  const { seconds: _, examples_per_second, examples_this_run, checkpoint, passed_over, bytes_total, ...rest } = report;
  // Each life of a run has samples of its own.
  const rejected_samples = Object.entries(rest.rejected_samples).map(([code, { row, ...sample }]) => [code, sample]);
  return { ...rest, rejected_samples, tables: tables.map(({ bytes, ...table }) => table) };
}

describeBroker("exactly once", () => {
  const folder = temporary();
  let broker: BrokerFacts;

  beforeAll(async () => {
    broker = await startBroker({ dir: temporary() });
    const file = join(folder, "events.tsv");
    await run(["simulate", "--rows", String(EVENTS), "--seed", "5", "--out", file]);
    await produce(file, "events");
  }, 10 * MINUTES);

  afterAll(() => killBroker(broker));

  /** Line n goes to partition n mod 4, but every 1,000th line is malformed, and every 700th is sent twice. */
  async function produce(file: string, topic: string): Promise<void> {
    const options = kafkaOptions(broker.brokers);
    await withAdmin(options, (admin) => admin.createTopic(topic, PARTITIONS));
    const producer = await KafkaProducer.open(options, topic);
    let records: { value: string; partition: number }[] = [];
    let n = 0;
    for await (const line of createInterface({ input: createReadStream(file) })) {
      const partition = n % PARTITIONS;
      records.push({ value: n % 1000 === 999 ? line.slice(0, 9) : line, partition });
      if (n % 700 === 0) records.push({ value: line, partition: (partition + 1) % PARTITIONS });
      n++;
      if (records.length < 20_000) continue;
      await producer.send(records);
      records = [];
    }
    await producer.send(records);
    await producer.close();
  }

  const train = (model: string, out: string, ...more: string[]) => [
    ...training(broker, "events", out, { model, group: out }),
    ...["--until", "end", "--resume", "--json", ...more],
  ];

  /** Starts a trainer that dies at a random moment, or at a random step of its writes. */
  function startToKill(args: readonly string[], rng: Rng, kill: number): ChildProcess {
    const byStep = kill % 4 !== 0;
    const at = `${1 + rng.below(45)} ${rng.below(2) === 0 ? "before" : "after"}`;
    const child = start(args, byStep ? at : undefined);
    if (!byStep) void killedSoon(child, args[args.indexOf("--out") + 1], 300 + rng.below(600), MOST_OF_A_LIFE);
    return child;
  }

  /** Kills trainers until one ends by itself or `kills` have died; then lets one end. Returns how many died. */
  async function runWithKills(args: readonly string[], kills: number, restarts: readonly number[]): Promise<number> {
    const rng = new Rng(23);
    for (let kill = 0; kill < kills; kill++) {
      if (restarts.includes(kill)) {
        await killBroker(broker);
        broker = await startBroker({ dir: broker.dir, keep: true });
      }
      const child = startToKill(args, rng, kill);
      const { status, stderr } = await ended(child);
      if (status === 0) return kill;
      expect(child.signalCode, stderr).toBe("SIGKILL");
    }
    return kills;
  }

  it(
    `learns every event once despite ${KILLS} kills, also during checkpoints, and two kills of the broker`,
    async () => {
      const [whole, out] = [join(folder, "whole"), join(folder, "killed")];
      const expected = await report(train(DEEP_CROSSING, whole).filter((arg) => arg !== "--json"));
      expect(expected.duplicates).toBeGreaterThan(EVENTS / 800);
      expect(expected.rejected).toBe(EVENTS / 1000);
      expect(expected.examples + expected.rejected).toBe(EVENTS);
      const log = join(folder, "deltas");
      const args = train(DEEP_CROSSING, out, "--checkpoint-every", "1024", "--publish", log, "--publish-ms", "50");
      const kills = await runWithKills(args, KILLS, [KILLS >> 2, KILLS >> 1]);
      expect(kills).toBe(KILLS);
      expect(stableFigures(await report(args.filter((arg) => arg !== "--json")))).toEqual(stableFigures(expected));
      const tables = (digest: Record<string, string>) =>
        Object.entries(digest).filter(([name]) => !name.endsWith("manifest.json"));
      expect(tables(digests(out))).toEqual(tables(digests(whole)));
      await followerEquals(log, out);
    },
    (4 + KILLS / 6) * MINUTES,
  );

  it(
    "gives the same bytes as an uninterrupted run, including the manifest",
    async () => {
      const [whole, out] = [join(folder, "lr-whole"), join(folder, "lr-killed")];
      await report(train(LR, whole).filter((arg) => arg !== "--json"));
      const args = train(LR, out, "--checkpoint-every", "2048");
      expect(await runWithKills(args, LR_KILLS, [])).toBeGreaterThanOrEqual(LR_KILLS / 2);
      await report(args.filter((arg) => arg !== "--json"));
      expect(digests(out)).toEqual(digests(whole));
    },
    5 * MINUTES,
  );

  /** Asserts that a new follower, which starts at the newest snapshot, scores like the checkpoint, bit for bit. */
  async function followerEquals(log: string, out: string): Promise<void> {
    const [follower, trained] = [Scorer.follow(openFollow(log)), await Scorer.load(out)];
    while (follower.version?.version !== trained.version!.version)
      await new Promise((resolve) => setTimeout(resolve, 50));
    const candidates = Array.from({ length: 300 }, (_, i) => ({
      ad: `a${i}`,
      campaign: `c${i % 40}`,
      advertiser: `v${i % 9}`,
    }));
    const body = Buffer.from(JSON.stringify({ context: { user: "u1", site: "s1", device: "mobile" }, candidates }));
    expect((await follower.score(body)).scores).toEqual((await trained.score(body)).scores);
    await Promise.all([follower.close(), trained.close()]);
  }
});
