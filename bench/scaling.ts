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
/** Rounds of one process for compilation and filling tables, and as many that are measured. More processes do more in that time. */
const WARM = 2;
const LAST = 2 * WARM;
/** Rounds in the topic of events: more than eight processes do in that time. */
const LENGTH = 30;
/** In a smoke run, where all processes do all rounds. */
const FEW = LAST + 2;
/** A smoke run's layers: those of the model would take half of its processes' time. */
const SMALL = "residual: [32, 16]";
/** Rounds of a process that only follows: for compilation, and as many that are measured. */
const FOLLOWED = 8;
/** Bits per second of a whole core's network. */
const RATE = 10e9;
/** Owners that hold the tables for so many processes, in as many shards as there could be owners. */
const OWNERS = 2;
const OWNED = 2;
const SHARDS = 4;
/** Processes that are measured at the same time, so that all have the same conditions: 1 + 2 + 4 + 8. */
const BUSY = PROCESSES.reduce((sum, processes) => sum + processes, 0);
/** Share of a core and of its network for each of them; together they leave a third of two cores to the broker. */
const SHARE = 1 / 12;
/** For lanes and owners, which are measured alone. */
const OWNED_SHARE = 1 / 4;
/** Topics of events. */
const EVENTS = "events";
const FEWER = "fewer-events";
/** Longer than any round takes: disables the takeover of lanes. */
const PATIENCE_MS = 600_000;

const WHAT =
  "rounds of one, two, four and eight processes that share eight lanes, after compilation, all 15 processes at the same time, each with a twelfth of a core and of 10 Gbit/s, in core seconds of each process; waiting: part of that time without computing; model of a round: own / P + all; all = 15 processes that only follow, own = what one process takes less that, so that two, four and eight are what the model is held against";

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
    await load(kafkaOptions(broker.brokers), EVENTS, criteoLike((smoke ? FEW : LENGTH) * LANES * rowsOf(smoke)), LANES);
    await load(kafkaOptions(broker.brokers), FEWER, criteoLike((LAST + 1) * LANES * rowsOf(smoke)), LANES);
    return measured(bench);
  };
  return withBroker(use, null, HUB).finally(() => {
    quotas.close();
    links.close();
  });
}

const rowsOf = (smoke: boolean) => (smoke ? 64 : ROUND);

async function measured(bench: Bench): Promise<object> {
  const found = await costsTogether(bench);
  console.error(`rounds: ${JSON.stringify([...found])}`);
  await compareRuns(bench, [...found.keys()]);
  const all = await followingOf(bench);
  const owned = await ownedCosts(bench);
  return {
    what: WHAT,
    lanes: LANES,
    round: rowsOf(bench.smoke),
    gradients: "bf16",
    share_of_a_core: SHARE,
    bits_a_second: RATE,
    ...compared(bench, found, all),
    owners: { processes: OWNED, owners: OWNERS, shards: SHARDS, ...shown(bench, owned) },
  };
}

const nameOf = (processes: number) => `rounds-${processes}`;

/** Of a round, by number of processes. All runs go on until the slowest has done its rounds; what they do during the last of these is measured. */
async function costsTogether(bench: Bench): Promise<ReadonlyMap<number, Costs>> {
  const counts = new Map((bench.smoke ? [1, 2] : PROCESSES).map((processes) => [processes, 0]));
  const isOver = (processes: number) => (rounds: number) => {
    counts.set(processes, rounds);
    return [...counts.values()].every((rounds) => rounds >= LAST);
  };
  const runs = [...counts.keys()].map(async (processes) => {
    const members = Array.from({ length: processes }, (_, k) => memberOf(bench, k, processes));
    const kafka = kafkaOptions(bench.broker.brokers);
    return [processes, await roundTimes(kafka, nameOf(processes), 1, members, isOver(processes))] as const;
  });
  const marks = await Promise.all(runs);
  const slowest = marks[0][1];
  // Rounds of a smoke run are over before others have begun.
  const [from, to] = bench.smoke ? [0, Infinity] : [slowest[WARM - 1].at, slowest[LAST - 1].at];
  return new Map(marks.map(([processes, all]) => [processes, costsOf(during(all, from, to), SHARE)]));
}

/** Starts one of the processes of a run. */
function memberOf(bench: Bench, k: number, processes: number): ChildProcess {
  const [name, share] = [nameOf(processes), `${k}/${processes}`];
  const args = ["--lane", share, "--out", join(bench.folder, name), "--rounds-topic", name, "--model", modelOf(bench)];
  // The runs before have 1 + 2 + … + processes / 2 of them.
  return started(bench, processes - 1 + k, SHARE, args, EVENTS);
}

const during = (marks: readonly Mark[], from: number, to: number) => marks.filter(({ at }) => at >= from && at <= to);

/** Measures the work of a process that only follows, with as many at once as there were in the runs. */
async function followingOf(bench: Bench): Promise<Costs> {
  const rounds = bench.smoke ? WARM : FOLLOWED;
  const runs = Array.from({ length: bench.smoke ? 1 : BUSY }, async (_, k) => {
    const run = ["--lane", `0/${LANES}`, "--rounds-topic", nameOf(bench.smoke ? 2 : LANES)];
    const args = ["--out", join(bench.folder, `follower-${k}`), "--json", "--model", modelOf(bench)];
    const child = started(bench, k, SHARE, [...run, ...args], EVENTS);
    const marks = await foldTimes(LANES * rowsOf(bench.smoke), child, 2 * rounds);
    return costsOf(marks.slice(rounds - 1), SHARE);
  });
  return mean(await Promise.all(runs));
}

/** For two processes and the owners of the tables' shards. @throws Error if their model differs from one process's */
async function ownedCosts(bench: Bench): Promise<Costs> {
  const [owned, alone] = ["owned", "split"].map((name) => join(bench.folder, name));
  const run = ["--out", owned, "--rounds-topic", "rounds-owned", "--model", modelOf(bench, SHARDS)];
  const lanes = Array.from({ length: OWNED }, (_, k) => ["--lane", `${k}/${OWNED}`, "--owners", String(OWNERS)]);
  const owners = Array.from({ length: OWNERS }, (_, k) => {
    return ["--owner", `${k}/${OWNERS}`, "--owner-host", Links.address(OWNED + k)];
  });
  const members = [...lanes, ...owners].map((args, k) => started(bench, k, OWNED_SHARE, [...args, ...run], FEWER));
  const marks = await roundTimes(kafkaOptions(bench.broker.brokers), "rounds-owned", 1 + OWNERS, members);
  await ended(started(bench, 0, 1, ["--out", alone, "--model", modelOf(bench, SHARDS)], FEWER));
  agree([alone, owned]);
  return costsOf(marks.slice(WARM - 1, LAST), OWNED_SHARE);
}

/** Of a round, between the first and the last of some marks; NaN without two, as in a smoke run that is over before its second progress. */
function costsOf(marks: readonly Mark[], share: number): Costs {
  if (marks.length < 2) return { seconds: Number.NaN, waiting: Number.NaN };
  const [before, after, rounds] = [marks[0], marks[marks.length - 1], marks.length - 1];
  const computed = Math.max(...after.processor.map((seconds, k) => seconds - before.processor[k]));
  const seconds = (after.at - before.at) * share;
  return { seconds: seconds / rounds, waiting: (seconds - computed) / rounds };
}

function mean(costs: readonly Costs[]): Costs {
  const of = (cost: (costs: Costs) => number) => costs.reduce((sum, one) => sum + cost(one), 0) / costs.length;
  return { seconds: of(({ seconds }) => seconds), waiting: of(({ waiting }) => waiting) };
}

/** @throws Error if runs had different weights before the last round that all of them have */
async function compareRuns({ broker }: Bench, runs: readonly number[]): Promise<void> {
  const digests = new Set<string>();
  for (const processes of runs)
    digests.add(await digestBefore(kafkaOptions(broker.brokers), nameOf(processes), LAST - 1, LANES));
  if (digests.size !== 1) throw new Error(`${runs.length} runs came to ${digests.size} models`);
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
  events: string,
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
  const sized = smoke ? plain.replace(/residual: \[.*?\]/, SMALL) : plain;
  const spec = shards ? sized.replaceAll("dim: 16,", `dim: 16, shards: ${shards},`) : sized;
  writeFileSync(path, `${spec}train: { lanes: ${LANES}, round: ${rowsOf(smoke)}, warmup: 0, gradients: bf16 }\n`);
  return path;
}
