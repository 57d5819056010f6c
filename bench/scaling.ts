import type { ChildProcess } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BrokerFacts } from "../scripts/kafka-broker.mjs";
import { openCheckpoint } from "../src/checkpoints/store.js";
import { kafkaOptions } from "../src/sources/kafka/client.js";
import { lastWords } from "./lib/background.js";
import { withBroker } from "./lib/broker.js";
import { criteoLike } from "./lib/criteo-like.js";
import { Quotas } from "./lib/quotas.js";
import { round } from "./lib/run.js";
import { load } from "./lib/topic.js";

const LANES = 8;
/** Large rounds in bf16, of which less is told and folded an event. */
const ROUND = 8192;
const PROCESSES = [1, 2, 4, 8];
/** Owners that hold the tables beside two processes, in shards as many as owners could be. */
const OWNERS = 2;
const SHARDS = 4;
/** Of a core, that each of so many processes has: all of them one core, at most. */
const shareOf = (processes: number) => (processes > 4 ? 0.125 : 0.25);
/** Longer than any round takes: nobody works for another. */
const PATIENCE_MS = 600_000;

/**
 * Processes that share eight lanes, each with a fixed share of a core, so that two cores stand for eight machines. Times are of a core. What a process does for every
 * event of all lanes (read, fold) is measured with one that only follows a finished run; the rest is what a lane's own events take.
 * Times are of a longer run less those of a shorter one, so starts do not count. The broker and the network have no such bound.
 */
export function run({ smoke }: { smoke: boolean }): Promise<object | null> {
  return withBroker((broker, folder) => measured(broker, folder, smoke), Quotas.whyUnavailable());
}

async function measured(broker: BrokerFacts, folder: string, smoke: boolean): Promise<object> {
  const perUpdate = LANES * (smoke ? 64 : ROUND);
  // The shorter run is long enough for its code to be compiled.
  const [short, long] = [1, smoke ? 2 : 3].map((updates) => updates * perUpdate);
  for (const events of [short, long])
    await load(kafkaOptions(broker.brokers), topicOf(events), criteoLike(events), LANES);
  const model = modelOf(folder, perUpdate / LANES);
  const quotas = new Quotas();
  const seconds = async (events: number, share: number, spec: string, members: (readonly string[])[]) => {
    const started = performance.now();
    await Promise.all(members.map((args, i) => ended(quotas.start(i, share, line(broker, spec, events, args)))));
    return ((performance.now() - started) / 1000) * share;
  };
  /** Of a core's time an event, of a process that has so many beside it. */
  const marginal = async (processes: number, members: (events: number) => (readonly string[])[], spec = model) => {
    const share = smoke ? 1 : shareOf(processes);
    const [more, less] = [
      await seconds(long, share, spec, members(long)),
      await seconds(short, share, spec, members(short)),
    ];
    return ((more - less) * 1e6) / (long - short);
  };
  try {
    const measuredUs = new Map<number, number>();
    for (const processes of smoke ? [1, 2] : PROCESSES)
      measuredUs.set(processes, await marginal(processes, (events) => sharing(folder, events, processes)));
    agree([...measuredUs.keys()].map((processes) => join(folder, roundsOf(long, processes))));
    const all = await marginal(1, (events) => [
      ["--lane", "1/2", "--out", join(folder, "follower"), "--rounds-topic", roundsOf(events, 1)],
    ]);
    const split = modelOf(folder, perUpdate / LANES, SHARDS);
    const owned = await marginal(2, (events) => owning(folder, events), split);
    const alone = join(folder, "split");
    await seconds(short, 1, split, [["--out", alone]]);
    agree([alone, join(folder, roundsOf(short, "owned"))]);
    const owners = { processes: 2, owners: OWNERS, shards: SHARDS, events_per_core_second: Math.round(1e6 / owned) };
    return {
      what: WHAT,
      lanes: LANES,
      round: perUpdate / LANES,
      gradients: "bf16",
      ...compared(measuredUs, all),
      owners,
    };
  } finally {
    quotas.close();
  }
}

/** @throws Error where runs have come to different models */
function agree(runs: readonly string[]): void {
  const checksums = new Set(runs.map((run) => openCheckpoint(run).checkpoint.chain[0].checksum));
  if (checksums.size !== 1) throw new Error(`${runs.length} runs came to ${checksums.size} models`);
}

const WHAT =
  "events of processes that share eight lanes in the time that each of them has had a core (each has a quarter of one, of eight an eighth); model: 1 / (own / P + all), own = what one process takes less what following takes";

/** Measured rates beside the model's, and the model's for more processes than were measured. */
function compared(measuredUs: ReadonlyMap<number, number>, all: number): object {
  const one = measuredUs.get(1)!;
  const modelled = (processes: number) => (one - all) / processes + all;
  const rows = [...measuredUs].map(([processes, us]) => ({
    processes,
    events_per_core_second: Math.round(1e6 / us),
    of_linear: round(one / us / processes, 3),
    model_of_linear: round(one / modelled(processes) / processes, 3),
    model_error: round(modelled(processes) / us - 1, 3),
  }));
  const extrapolated = [16, 32, 64].map((processes) => ({
    processes,
    of_linear: round(one / modelled(processes) / processes, 3),
  }));
  const stages = { own_us: round(one - all, 2), all_us: round(all, 2) };
  return { core_us_an_event: stages, measured: rows, extrapolated };
}

const topicOf = (events: number) => `events-${events}`;
const roundsOf = (events: number, processes: number | string) => `rounds-${events}-${processes}`;

/** The command lines of processes that share the lanes of a run. */
function sharing(folder: string, events: number, processes: number): string[][] {
  const out = join(folder, roundsOf(events, processes));
  return Array.from({ length: processes }, (_, k) => {
    return ["--lane", `${k}/${processes}`, "--out", out, "--rounds-topic", roundsOf(events, processes)];
  });
}

/** As `sharing`, of two processes and the owners of the tables' shards. */
function owning(folder: string, events: number): string[][] {
  const rounds = roundsOf(events, "owned");
  const run = ["--out", join(folder, rounds), "--rounds-topic", rounds];
  const lanes = [0, 1].map((k) => ["--lane", `${k}/2`, "--owners", String(OWNERS), ...run]);
  const owners = Array.from({ length: OWNERS }, (_, k) => ["--owner", `${k}/${OWNERS}`, ...run]);
  return [...lanes, ...owners];
}

function line(broker: BrokerFacts, model: string, events: number, args: readonly string[]): string[] {
  const topic = ["--kafka", broker.brokers, "--topic", topicOf(events), "--group", "none", "--until", "end"];
  const patience = ["--takeover-ms", String(PATIENCE_MS), "--checkpoint-seconds", "0", "--threads", "1"];
  return ["train", "--model", model, ...topic, ...patience, ...args];
}

/** @param shards of each table, where they are split */
function modelOf(folder: string, events: number, shards?: number): string {
  const path = join(folder, shards ? "split.yaml" : "lanes.yaml");
  const plain = readFileSync("features/criteo-deep-crossing.yaml", "utf8");
  const spec = shards ? plain.replaceAll("dim: 16,", `dim: 16, shards: ${shards},`) : plain;
  writeFileSync(path, `${spec}train: { lanes: ${LANES}, round: ${events}, warmup: 0, gradients: bf16 }\n`);
  return path;
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.on("close", (status) =>
      status === 0 ? resolve() : reject(new Error(`exit ${status}: ${lastWords(child)}`)),
    );
  });
}
