import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BrokerFacts } from "../scripts/kafka-broker.mjs";
import { kafkaOptions } from "../src/sources/kafka/client.js";
import { withBroker } from "./lib/broker.js";
import { criteoLike } from "./lib/criteo-like.js";
import { measured } from "./lib/measured.js";
import { median, round } from "./lib/run.js";
import { load } from "./lib/topic.js";

const LANES = 8;
const KINDS = [
  { round: 2048, gradients: "f32" },
  { round: 8192, gradients: "bf16" },
] as const;
const PROCESSES = [2, 4, 8, 16];
/** Runs of a process that only follows; their median counts. */
const FOLLOWERS = 3;

type Kind = (typeof KINDS)[number];

/**
 * Which part of learning by lanes is divided, and which every process does: processor time per event of one that computes all lanes, and of one that
 * folds what the first has contributed. Times are differences of a longer and a shorter run, which excludes starts and other processes.
 */
export function run({ smoke }: { smoke: boolean }): Promise<object | null> {
  return withBroker(async (broker, folder) => {
    const runs = (smoke ? [1, 2] : [4, 20]).map((updates) => updates * LANES * (smoke ? 64 : KINDS[0].round));
    for (const events of runs) await load(kafkaOptions(broker.brokers), topicOf(events), criteoLike(events), LANES);
    const kinds = smoke ? [{ ...KINDS[1], round: 64 } as unknown as Kind] : KINDS;
    const found = kinds.map((kind) => following({ broker, folder, kind, runs }));
    return { what: WHAT, lanes: LANES, events: runs, kinds: found };
  });
}

const WHAT =
  "processor us per event: own, of computing all lanes minus following, which is divided; all, of following, which every process does; of_linear: 1 / (1 + (P - 1) * all / (own + all)), modelled";

interface Given {
  readonly broker: BrokerFacts;
  readonly folder: string;
  readonly kind: Kind;
  readonly runs: readonly number[];
}

function following({ broker, folder, kind, runs: [short, long] }: Given): object {
  const model = modelOf(folder, kind);
  const seconds = (share: string, events: number, turn = 0) => {
    const rounds = `rounds-${kind.round}-${events}`;
    const out = join(folder, `${rounds}-${share.replace("/", "-")}-${turn}`);
    const args = ["--lane", share, "--out", out, "--rounds-topic", rounds];
    return measured(process.execPath, "dist/cli/main.js", ...line(broker, model, events), ...args).processor_seconds;
  };
  const marginal = (of: (events: number) => number) => ((of(long) - of(short)) * 1e6) / (long - short);
  const one = marginal((events) => seconds("0/1", events));
  // Starting takes longer than following a round, so the difference of two single runs would mostly be chance.
  const all = marginal((events) =>
    median(Array.from({ length: FOLLOWERS }, (_, turn) => seconds("1/2", events, turn))),
  );
  const linear = PROCESSES.map((processes) => [processes, round(1 / (1 + ((processes - 1) * all) / one), 3)]);
  return { ...kind, own_us: round(one - all, 2), all_us: round(all, 2), of_linear: Object.fromEntries(linear) };
}

const topicOf = (events: number) => `events-${events}`;

function line(broker: BrokerFacts, model: string, events: number): string[] {
  const topic = ["--kafka", broker.brokers, "--topic", topicOf(events), "--group", "none", "--until", "end"];
  // Takeover of lanes is disabled.
  return [
    "train",
    "--model",
    model,
    ...topic,
    "--takeover-ms",
    "600000",
    "--checkpoint-seconds",
    "0",
    "--threads",
    "1",
  ];
}

function modelOf(folder: string, { round, gradients }: Kind): string {
  const path = join(folder, `lanes-${round}.yaml`);
  const spec = readFileSync("features/criteo-deep-crossing.yaml", "utf8");
  const halves = gradients === "bf16" ? ", gradients: bf16" : "";
  writeFileSync(path, `${spec}train: { lanes: ${LANES}, round: ${round}, warmup: 0${halves} }\n`);
  return path;
}
