import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { withAdmin } from "../src/sources/kafka/admin.js";
import { kafkaOptions } from "../src/sources/kafka/client.js";
import { background, residentMiB, said } from "./lib/background.js";
import { withBroker } from "./lib/broker.js";
import { median } from "./lib/run.js";

/** Events per second of the simulator, with new users and ads throughout. */
const RATE = 5_000;
const TABLES = ["users", "ads", "ids"];
/** Budget of each of these tables: full within the first minutes. */
const BUDGET = "8MB";
/** For the last events, on a machine that is busy with something else. */
const PATIENCE_MS = 180_000;

/**
 * A trainer's memory during half an hour (HASHBROOK_MINUTES) of a topic with new ids throughout, while it publishes and
 * checkpoints: its tables have budgets, and rows are evicted.
 */
export function run({ smoke }: { smoke: boolean }): Promise<object | null> {
  const minutes = smoke ? 0.1 : Number(process.env.HASHBROOK_MINUTES ?? 30);
  return withBroker(({ brokers }, folder) => stream(brokers, folder, minutes));
}

async function stream(brokers: string, folder: string, minutes: number): Promise<object> {
  const kept = { "retention.bytes": String(64 << 20), "segment.bytes": String(16 << 20) };
  await withAdmin(kafkaOptions(brokers), (admin) => admin.createTopic("events", 4, kept));
  const args = ["train", "--model", bounded(folder), "--kafka", brokers, "--topic", "events", "--group", "bench"];
  const publish = ["--publish", `kafka://${brokers}/deltas`, "--snapshot-every", "120", "--checkpoint-seconds", "20"];
  const trainer = background([...args, "--out", join(folder, "run"), ...publish, "--metrics-port", "0"]);
  const [, url] = await said(trainer, /"metrics":"([^"]+)"/);
  const rows = Math.ceil(minutes * 60 * RATE);
  const source = ["--data", `simulate:${rows}:3`, "--rate", String(RATE)];
  const producer = background(["produce", "--kafka", brokers, "--topic", "events", ...source]);
  const resident: number[] = [];
  const sampling = setInterval(() => resident.push(residentMiB(trainer)), Math.max(1000, minutes * 500));
  await new Promise((resolve) => producer.on("close", resolve));
  clearInterval(sampling);
  const metrics = await drained(url, rows);
  trainer.kill("SIGINT");
  await new Promise((resolve) => trainer.on("close", resolve));
  const half = resident.slice(resident.length >> 1);
  return {
    what: "memory of a trainer whose tables have budgets, in MiB",
    minutes,
    events_per_second: RATE,
    examples: rows,
    evicted_rows: total(metrics, "hashbrook_train_evicted_total"),
    tables: Math.round(total(metrics, "hashbrook_train_table_bytes") / (1 << 20)),
    resident_start_of_last_half: half[0],
    resident_median_of_last_half: median(half),
    resident_end: half.at(-1),
    resident_most: Math.max(...resident),
    resident,
  };
}

/** ads-demo with budgets for the tables of ids. */
function bounded(folder: string): string {
  let text = readFileSync("features/ads-demo.yaml", "utf8");
  for (const table of TABLES) {
    text = text.replace(new RegExp(`^  ${table}: \\{ `, "m"), `$&budget: ${BUDGET}, eviction: { policy: lru }, `);
  }
  const path = join(folder, "ads-bounded.yaml");
  writeFileSync(path, text);
  return path;
}

/** The trainer's metrics once it has learned this many events. */
async function drained(url: string, examples: number): Promise<string> {
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end; ) {
    const text = await (await fetch(url)).text();
    if (total(text, "hashbrook_train_examples_total") === examples) return text;
    await sleep(200);
  }
  throw new Error(`fewer than ${examples} examples ${PATIENCE_MS / 1000} s after the last event`);
}

/** A metric, the sum over its labels. */
function total(metrics: string, name: string): number {
  const found = [...metrics.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "gm"))];
  return found.reduce((sum, [, value]) => sum + Number(value), 0);
}
