import { mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { BrokerFacts } from "../scripts/kafka-broker.mjs";
import { openFollow } from "../src/delta-log/open.js";
import { Scorer } from "../src/serve/scorer.js";
import { withAdmin } from "../src/sources/kafka/admin.js";
import { createKafka, type KafkaOptions, kafkaOptions } from "../src/sources/kafka/client.js";
import type { CompiledSpec } from "../src/spec/compiled.js";
import { loadSpec, parseSpec } from "../src/spec/parse.js";
import type { Progress } from "../src/train/metrics/report.js";
import { train } from "../src/train/train.js";
import { background, lastWords, residentMiB, said } from "./lib/background.js";
import { withBroker } from "./lib/broker.js";
import { globo } from "./lib/globo.js";
import { hashbrook, median, round } from "./lib/run.js";
import { load } from "./lib/topic.js";

const PARTITIONS = 4;
const DEEP = "features/globo-deep-crossing-json.yaml";
/** Events per second of the freshness runs. */
const RATE = 5_000;
/** For the last of them, on a machine that is busy with something else. */
const PATIENCE_MS = 180_000;

/**
 * A real broker on this machine: `lr` from a topic compared with a loop that only counts bytes, Deep Crossing from a topic compared
 * with the same events from a file, and the age of events when scores reflect them.
 */
export function run({ smoke }: { smoke: boolean }): Promise<object | null> {
  return withBroker(async (broker, folder) => {
    const from = await throughput(broker, folder, smoke);
    return {
      what: "learning from a Kafka topic of 4 partitions",
      ...from,
      ...(await freshness(broker, folder, smoke)),
    };
  });
}

/** Real events and simulated ones, each with a linear and a deep model. */
async function throughput(broker: BrokerFacts, folder: string, smoke: boolean): Promise<object> {
  const kafka = kafkaOptions(broker.brokers);
  const repeats = smoke ? 1 : 5;
  const clicks = globo(smoke ? 2_000 : 200_000, "json");
  const simulated = join(folder, "simulated.tsv");
  hashbrook("simulate", "--rows", smoke ? "10000" : "400000", "--seed", "7", "--out", simulated);
  const demo = [loadSpec("features/ads-demo-lr.yaml"), loadSpec("features/ads-demo.yaml")] as const;
  return {
    globo:
      clicks === null
        ? "no Globo data"
        : await rates({ kafka, folder, topic: "globo", file: clicks, repeats }, linear(), loadSpec(DEEP)),
    simulator: await rates({ kafka, folder, topic: "simulator", file: simulated, repeats }, ...demo),
  };
}

interface Topic {
  readonly kafka: KafkaOptions;
  readonly folder: string;
  readonly topic: string;
  /** Its events, one per line. */
  readonly file: string;
  readonly repeats: number;
}

async function rates(
  { kafka, folder, topic, file, repeats }: Topic,
  lr: CompiledSpec,
  deep: CompiledSpec,
): Promise<object> {
  const { messages, bytes } = await load(kafka, topic, file, PARTITIONS);
  const seen = { bare: [] as number[], lr: [] as number[], deep: [] as number[], deepFile: [] as number[] };
  const out = () => mkdtempSync(join(folder, "run-"));
  for (let repeat = 0; repeat < repeats; repeat++) {
    const from = (group: string) =>
      ({ kafka, topic, group, start: { at: "earliest" }, stop: { at: "end" }, onLost: "stop" }) as const;
    seen.bare.push(await bare(kafka, topic, `${topic}-bare-${repeat}`, messages, bytes));
    seen.lr.push(await learn(lr, messages, { topic: from(`${topic}-lr-${repeat}`), out: out() }));
    seen.deep.push(await learn(deep, messages, { topic: from(`${topic}-deep-${repeat}`), out: out() }));
    seen.deepFile.push(await learn(deep, messages, { data: file, out: out() }));
  }
  return {
    messages,
    bytes,
    bare_messages_per_second: seen.bare,
    lr_examples_per_second: seen.lr,
    lr_ratio_to_bare: ratio(seen.lr, seen.bare),
    deep_crossing_examples_per_second: seen.deep,
    deep_crossing_from_file_examples_per_second: seen.deepFile,
    deep_crossing_ratio_to_file: ratio(seen.deep, seen.deepFile),
  };
}

/** The median ratio of consecutive runs: the machine's own speed varies more than the measured difference. */
const ratio = (a: readonly number[], b: readonly number[]) => round(median(a.map((rate, i) => rate / b[i])), 3);

/** The fields of the JSON spec as a linear model. */
function linear(): CompiledSpec {
  const text = readFileSync(DEEP, "utf8")
    .replace(/^name: .*$/m, "name: globo-lr-json")
    .replace(/table: \w+/g, "table: weights")
    .replace(
      /^(tables|tower|train|wide):[\s\S]*$/m,
      "tables:\n  weights: { encoding: hash, rows: 8_388_608 }\ntower: lr\n",
    );
  return parseSpec(text, "globo-lr-json.yaml");
}

/** Messages per second between a consumer's first and last batch: kafkajs with the trainer's fetch settings, and nothing else. */
async function bare(
  kafka: KafkaOptions,
  topic: string,
  groupId: string,
  messages: number,
  bytes: number,
): Promise<number> {
  const consumer = createKafka(kafka).kafka.consumer({
    groupId,
    minBytes: 64 << 10,
    maxWaitTimeInMs: 25,
    maxBytesPerPartition: 1 << 20,
    maxBytes: 16 << 20,
  });
  let seen = 0;
  let size = 0;
  let first = { at: 0, seen: 0 };
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  const ended = await new Promise<number>((resolve, reject) => {
    const eachBatch = async ({ batch }: { batch: { messages: readonly { value: Buffer | null }[] } }) => {
      seen += batch.messages.length;
      for (const { value } of batch.messages) size += value?.length ?? 0;
      if (first.at === 0) first = { at: performance.now(), seen };
      if (seen === messages) resolve(performance.now());
    };
    consumer.run({ autoCommit: false, partitionsConsumedConcurrently: PARTITIONS, eachBatch }).catch(reject);
  });
  await consumer.disconnect();
  if (size !== bytes) throw new Error(`the bare loop read ${size} bytes of ${bytes}`);
  return Math.round((messages - first.seen) / ((ended - first.at) / 1000));
}

/** Examples per second between the first progress report with examples and the last one with new ones; the result is checked. */
async function learn(
  model: CompiledSpec,
  messages: number,
  source: Pick<Parameters<typeof train>[0], "topic" | "data" | "out">,
): Promise<number> {
  const seen: { at: number; examples: number }[] = [];
  const onProgress = ({ examples }: Progress) => {
    if (examples > (seen.at(-1)?.examples ?? 0)) seen.push({ at: performance.now(), examples });
  };
  const report = await train({ model, ...source, checkpointSeconds: 0, onProgress });
  if (report.examples !== messages || report.rejected > 0)
    throw new Error(`learned ${report.examples} of ${messages}, rejected ${report.rejected}`);
  const [first, last] = [seen[0], seen.at(-1)!];
  if (!first || last === first) return report.examples_per_second;
  return Math.round((last.examples - first.examples) / ((last.at - first.at) / 1000));
}

async function freshness(broker: BrokerFacts, folder: string, smoke: boolean): Promise<object> {
  const seconds = smoke ? 3 : Number(process.env.HASHBROOK_MINUTES ?? 2) * 60;
  const results: Record<string, object> = {};
  for (const model of smoke ? ["ads-demo-lr"] : ["ads-demo-lr", "ads-demo"]) {
    results[model] = await streamed(broker, folder, model, seconds);
  }
  return { freshness_events_per_second: RATE, seconds, freshness: results };
}

/** A trainer that publishes to a topic, then one with a scorer in its process, each with events at a constant rate. */
async function streamed(broker: BrokerFacts, folder: string, model: string, seconds: number): Promise<object> {
  const url = `kafka://${broker.brokers}/deltas-${model}`;
  const run = { broker, folder, model, seconds };
  const follower = Scorer.follow(openFollow(url), { onVisible: (seen) => ages.push(...seen) });
  const ages: number[] = [];
  const apart = await fed(run, "apart", ["--publish", url], {
    begun: async () => {
      while (!follower.version) await sleep(50);
      await sleep(1000);
      ages.length = 0;
    },
    seen: async () => follower.version?.version,
  });
  await follower.close();
  let metrics = "";
  await fed(run, "within", ["--serve", "0"], {
    begun: () => sleep(1000),
    seen: async (served) => {
      metrics = await (await fetch(`${served}/metrics`)).text();
      return Number(/hashbrook_model_version\{.*\} (\d+)/.exec(metrics)?.[1]);
    },
  });
  const half = apart.memory.slice(apart.memory.length >> 1);
  return {
    apart: { p50_seconds: quantile(ages, 0.5), p99_seconds: quantile(ages, 0.99), sampled: ages.length },
    in_process: { p50_seconds: summary(metrics, "0.5"), p99_seconds: summary(metrics, "0.99") },
    trainer_mib: { start_of_last_half: half[0], end: half.at(-1), most: Math.max(...apart.memory) },
  };
}

interface Feeding {
  readonly broker: BrokerFacts;
  readonly folder: string;
  readonly model: string;
  readonly seconds: number;
}

/** Runs a trainer with RATE events per second, and checks that the scorer reflects all at the end. @returns its memory, second by second */
async function fed(
  { broker, folder, model, seconds }: Feeding,
  name: string,
  flags: readonly string[],
  steps: { begun: () => Promise<unknown>; seen: (served: string) => Promise<number | undefined> },
): Promise<{ memory: number[] }> {
  const topic = `fresh-${model}-${name}`;
  await withAdmin(kafkaOptions(broker.brokers), (admin) => admin.createTopic(topic, PARTITIONS));
  const child = background([
    ...["train", "--model", `features/${model}.yaml`, "--kafka", broker.brokers, "--topic", topic, "--group", topic],
    ...["--out", join(folder, `${model}-${name}`), "--checkpoint-seconds", "10", "--metrics-port", "0", ...flags],
  ]);
  const served = flags.includes("--serve") ? (await said(child, /"listening":"([^"]+)"/))[1] : "";
  await steps.begun();
  const memory: number[] = [];
  const sampling = setInterval(() => memory.push(residentMiB(child)), 1000);
  const rows = Math.ceil(seconds * RATE);
  const source = ["--data", `simulate:${rows}:3`, "--rate", String(RATE)];
  const producer = background(["produce", "--kafka", broker.brokers, "--topic", topic, ...source]);
  await new Promise((resolve) => producer.on("close", resolve));
  clearInterval(sampling);
  let seen = await steps.seen(served);
  for (const end = performance.now() + PATIENCE_MS; seen !== rows && performance.now() < end; ) {
    await sleep(200);
    seen = await steps.seen(served);
  }
  child.kill("SIGINT");
  await new Promise((resolve) => child.on("close", resolve));
  if (seen !== rows)
    throw new Error(`the scorer has seen ${seen} of ${rows} events; the trainer said: ${lastWords(child)}`);
  return { memory };
}

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return Number(sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))].toFixed(3));
}

function summary(metrics: string, q: string): number {
  const [, value] = new RegExp(`hashbrook_freshness_quantile_seconds\\{quantile="${q}"\\} (\\S+)`).exec(metrics) ?? [];
  return Number(Number(value).toFixed(3));
}
