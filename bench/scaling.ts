import type { ChildProcess } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BrokerFacts } from "../scripts/kafka-broker.mjs";
import { openCheckpoint } from "../src/checkpoints/store.js";
import { kafkaOptions } from "../src/sources/kafka/client.js";
import { withBroker } from "./lib/broker.js";
import { criteoLike } from "./lib/criteo-like.js";
import { HUB, Links } from "./lib/links.js";
import { Quotas } from "./lib/quotas.js";
import { digestBefore } from "./lib/round-digests.js";
import { ended, foldTimes, type Mark, roundTimes } from "./lib/round-times.js";
import { round } from "./lib/run.js";
import { load } from "./lib/topic.js";

const LANES = 8;
/** Large rounds in bf16, which exchange and fold less per event. */
const ROUND = 8192;
const PROCESSES = [1, 2, 4, 8];
const MOST = 8;
/**
 * Rounds for compilation and filling tables, and as many that are measured: in both, each of several processes works eight lanes, since code is compiled
 * as it runs.
 */
const roundsOf = (processes: number) => Math.max(2, processes);
/** Rounds in a topic: those of a run, and one after them, which is read ahead as in any other round. */
const lengthOf = (processes: number) => 2 * roundsOf(processes) + 1;
/** The last round that all runs have. */
const COMPARED = 2 * roundsOf(1) - 1;
/** Bits per second of a whole core's network. */
const RATE = 10e9;
/** Owners that hold the tables for so many processes, in as many shards as there could be owners. */
const OWNERS = 2;
const OWNED = 2;
const SHARDS = 4;
/** Number of concurrent processes in every measurement: fewer would have caches and memory bandwidth to themselves, and get more out of their share of a core. */
const BUSY = 8;
/** Share of a core and of its network for each process; together they leave a fifth of two cores to the broker. */
const SHARE = 1 / 5;
/** Longer than any round takes: disables the takeover of lanes. */
const PATIENCE_MS = 600_000;

const WHAT =
  "rounds of processes that share eight lanes, after as many for compilation, in core seconds of each process (each has a fifth of a core and of 10 Gbit/s; eight processes are always concurrent: eight runs of one, four of two, two of four or one of eight); waiting: part of that time without computing; model of a round: own / P + all; all = following alone, own = what one process takes less that, so that two, four and eight are what the model is held against";

interface Bench {
  readonly broker: BrokerFacts;
  readonly folder: string;
  readonly quotas: Quotas;
  readonly links: Links;
  readonly smoke: boolean;
}

/** Core seconds of a round, and those without computing. */
interface Costs {
  readonly seconds: number;
  readonly waiting: number;
}

/**
 * Processes that share eight lanes, each with a fixed share of a core and of a network, so that two cores represent eight machines. What a process does for
 * every event of all lanes (read, fold) is measured with one that only follows a finished run; the rest is the computation of a lane's own events. The broker is not limited.
 */
export function run({ smoke }: { smoke: boolean }): Promise<object | null> {
  const why = Quotas.whyUnavailable() ?? Links.whyUnavailable();
  if (why !== null) return withBroker(async () => ({}), why);
  const [quotas, links] = [new Quotas(), new Links()];
  const use = async (broker: BrokerFacts, folder: string) => {
    const bench = { broker, folder, quotas, links, smoke };
    for (const processes of [OWNED, MOST]) await loadFor(bench, processes);
    return measured(bench);
  };
  return withBroker(use, null, HUB).finally(() => {
    quotas.close();
    links.close();
  });
}

const rowsOf = (smoke: boolean) => (smoke ? 64 : ROUND);
const topicOf = (processes: number) => `events-${processes}`;

async function loadFor({ broker, smoke }: Bench, processes: number): Promise<void> {
  const file = criteoLike(lengthOf(processes) * LANES * rowsOf(smoke));
  await load(kafkaOptions(broker.brokers), topicOf(processes), file, LANES);
}

async function measured(bench: Bench): Promise<object> {
  const found = new Map<number, Costs>();
  for (const processes of bench.smoke ? [1, 2] : PROCESSES) {
    found.set(processes, await costsOf(bench, processes));
    console.error(`${processes} processes: ${JSON.stringify(found.get(processes))}`);
  }
  await compareRuns(
    bench,
    [...found.keys()].flatMap((processes) => runsOf(bench, processes)),
  );
  const all = await followingOf(bench);
  const owned = await ownedCosts(bench);
  return {
    what: WHAT,
    ...{
      lanes: LANES,
      round: rowsOf(bench.smoke),
      gradients: "bf16",
      share_of_a_core: SHARE,
      bits_a_second: RATE,
    },
    ...compared(bench, found, all),
    owners: { processes: OWNED, owners: OWNERS, shards: SHARDS, ...shown(bench, owned) },
  };
}

/** The names of the concurrent runs. */
function runsOf({ smoke }: Bench, processes: number): string[] {
  const runs = smoke ? 1 : Math.max(1, BUSY / processes);
  return Array.from({ length: runs }, (_, i) => `rounds-${processes}-${i}`);
}

async function costsOf(bench: Bench, processes: number): Promise<Costs> {
  const rounds = roundsOf(processes);
  const runs = runsOf(bench, processes).map(async (name, i) => {
    const members = Array.from({ length: processes }, (_, k) => {
      const args = ["--lane", `${k}/${processes}`, "--out", join(bench.folder, name), "--rounds-topic", name];
      return started(bench, i * processes + k, SHARE, [...args, "--model", modelOf(bench)]);
    });
    return costsFrom(await roundTimes(kafkaOptions(bench.broker.brokers), name, 1, members, 2 * rounds), rounds);
  });
  return mean(await Promise.all(runs));
}

/** Measures the work of a process that only follows, with as many at once as in the other runs. */
async function followingOf(bench: Bench): Promise<Costs> {
  const most = bench.smoke ? 2 : MOST;
  const rounds = roundsOf(most);
  const [name] = runsOf(bench, most);
  const runs = Array.from({ length: bench.smoke ? 1 : BUSY }, async (_, k) => {
    const args = [
      "--lane",
      `0/${LANES}`,
      "--out",
      join(bench.folder, `follower-${k}`),
      "--rounds-topic",
      name,
      "--json",
    ];
    const child = started(bench, k, SHARE, [...args, "--model", modelOf(bench)]);
    return costsFrom(await foldTimes(LANES * rowsOf(bench.smoke), child, 2 * rounds), rounds);
  });
  return mean(await Promise.all(runs));
}

/** For two processes and the owners of the tables' shards. @throws Error if their model differs from one process's */
async function ownedCosts(bench: Bench): Promise<Costs> {
  const places = bench.smoke ? [0] : Array.from({ length: BUSY / (OWNED + OWNERS) }, (_, i) => i * (OWNED + OWNERS));
  const costs = mean(await Promise.all(places.map((place) => ownedRun(bench, place))));
  const alone = join(bench.folder, "split");
  await ended(started(bench, 0, 1, ["--out", alone, "--model", modelOf(bench, SHARDS)], topicOf(OWNED)));
  agree([alone, ...places.map((place) => join(bench.folder, `owned-${place}`))]);
  return costs;
}

async function ownedRun(bench: Bench, place: number): Promise<Costs> {
  const name = `owned-${place}`;
  const run = ["--out", join(bench.folder, name), "--rounds-topic", name, "--model", modelOf(bench, SHARDS)];
  const lanes = Array.from({ length: OWNED }, (_, k) => ["--lane", `${k}/${OWNED}`, "--owners", String(OWNERS)]);
  const owners = Array.from({ length: OWNERS }, (_, k) => {
    return ["--owner", `${k}/${OWNERS}`, "--owner-host", Links.address(place + lanes.length + k)];
  });
  const members = [...lanes, ...owners].map((args, k) => {
    return started(bench, place + k, SHARE, [...args, ...run], topicOf(OWNED));
  });
  return costsFrom(await roundTimes(kafkaOptions(bench.broker.brokers), name, 1 + OWNERS, members), roundsOf(OWNED));
}

/** Of a round: the mean of `rounds` after as many others. */
function costsFrom(marks: readonly Mark[], rounds: number): Costs {
  const [before, after] = [marks[rounds - 1], marks[2 * rounds - 1]];
  const computed = Math.max(...after.processor.map((seconds, k) => seconds - before.processor[k]));
  const seconds = (after.at - before.at) * SHARE;
  return { seconds: seconds / rounds, waiting: (seconds - computed) / rounds };
}

function mean(costs: readonly Costs[]): Costs {
  const of = (cost: (costs: Costs) => number) => costs.reduce((sum, one) => sum + cost(one), 0) / costs.length;
  return { seconds: of(({ seconds }) => seconds), waiting: of(({ waiting }) => waiting) };
}

/** @throws Error if runs had different weights before the last round that all of them have */
async function compareRuns({ broker }: Bench, names: readonly string[]): Promise<void> {
  const digests = new Set<string>();
  for (const name of names) digests.add(await digestBefore(kafkaOptions(broker.brokers), name, COMPARED, LANES));
  if (digests.size !== 1) throw new Error(`${names.length} runs came to ${digests.size} models`);
}

/** @throws Error if runs have different models */
function agree(runs: readonly string[]): void {
  const checksums = new Set(runs.map((run) => openCheckpoint(run).checkpoint.chain[0].checksum));
  if (checksums.size !== 1) throw new Error(`${runs.length} runs came to ${checksums.size} models`);
}

function shown({ smoke }: Bench, { seconds, waiting }: Costs): object {
  const events = LANES * rowsOf(smoke);
  return { events_per_core_second: Math.round(events / seconds), waiting: round(waiting / seconds, 3) };
}

/** Measured rates and the model's, and the model's for more processes than were measured. */
function compared(bench: Bench, found: ReadonlyMap<number, Costs>, following: Costs): object {
  const [one, all] = [found.get(1)!.seconds, following.seconds];
  const own = one - all;
  const modelled = (processes: number) => own / processes + all;
  const rows = [...found].map(([processes, costs]) => ({
    processes,
    ...shown(bench, costs),
    of_linear: round(one / costs.seconds / processes, 3),
    model_of_linear: round(one / modelled(processes) / processes, 3),
    model_error: round(modelled(processes) / costs.seconds - 1, 3),
  }));
  const extrapolated = [16, 32, 64].map((processes) => ({
    processes,
    of_linear: round(one / modelled(processes) / processes, 3),
  }));
  const us = (seconds: number) => round((seconds * 1e6) / (LANES * rowsOf(bench.smoke)), 2);
  const stages = { own: us(own), all: us(all), all_waiting: us(following.waiting) };
  return { core_us_an_event: stages, measured: rows, extrapolated };
}

/** Starts the process of this number. */
function started(
  { broker, quotas, links, smoke }: Bench,
  place: number,
  share: number,
  args: readonly string[],
  events = topicOf(MOST),
): ChildProcess {
  const topic = ["--kafka", broker.brokers, "--topic", events, "--group", "none", "--until", "end"];
  const patience = ["--takeover-ms", String(PATIENCE_MS), "--checkpoint-seconds", "0", "--threads", "1"];
  const part = smoke ? 1 : share;
  return quotas.start(place, part, ["train", ...topic, ...patience, ...args], links.by(place, RATE * part));
}

/** @param shards of each table, if they are sharded */
function modelOf({ folder, smoke }: Bench, shards?: number): string {
  const path = join(folder, shards ? "split.yaml" : "lanes.yaml");
  const plain = readFileSync("features/criteo-deep-crossing.yaml", "utf8");
  const spec = shards ? plain.replaceAll("dim: 16,", `dim: 16, shards: ${shards},`) : plain;
  writeFileSync(path, `${spec}train: { lanes: ${LANES}, round: ${rowsOf(smoke)}, warmup: 0, gradients: bf16 }\n`);
  return path;
}
