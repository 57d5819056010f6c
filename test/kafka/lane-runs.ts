import type { ChildProcess } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { Report } from "../../src/train/metrics/report.js";
import { trainLanes } from "../../src/train/train.js";
import { digests, ended, run, start, temporary } from "../e2e/hashbrook.js";
import type { TestKafka } from "./harness.js";
import { rows } from "./trainers.js";

export const LANES = 4;

/** Full rounds from the start, for tests that are not about warm-up: every round costs processes and broker the same. */
export const WHOLE_ROUNDS = ", warmup: 0";

/** A small tower with four lanes. @param more options of `train`, after a comma */
export function fourLanes(more = ""): string {
  return written(`${readFileSync("features/ads-demo.yaml", "utf8")}\ntrain: { lanes: ${LANES}, round: 64${more} }\n`);
}

const FIELDS = {
  user: "encoding: hash, rows: 500",
  ad: "encoding: exact",
  site: "encoding: shared, salt: field, rows: 2000",
  campaign: "encoding: compositional, rows: 500",
  advertiser: "encoding: multi_hash, rows: 500",
  site_category: "encoding: low_dim, low_dim: { dim: 2 }",
  slot: "encoding: dhe, dhe: { hashes: 16, width: 16 }",
  browser: "encoding: hot_cold, rows: 300, hot_cold: { cold: { rows: 200 } }",
};

/** Lanes with short rounds, and a field and table for every encoding. */
export const everyEncoding = (lanes: number): string => withTables(FIELDS, `lanes: ${lanes}, round: 32${WHOLE_ROUNDS}`);

/** The ads demo with only these fields, each with its own table. */
function withTables(given: Readonly<Record<string, string>>, train: string): string {
  const fields = Object.keys(given).map((name) => `  - { name: ${name}, type: categorical, table: ${name} }\n`);
  const tables = Object.entries(given).map(([name, options]) => `  ${name}: { dim: 8, ${options} }\n`);
  const text = readFileSync("features/ads-demo.yaml", "utf8").replace(
    /^fields:\n[\s\S]*^tower:/m,
    `fields:\n${fields.join("")}tables:\n${tables.join("")}tower:`,
  );
  return written(`${text}\ntrain: { ${train} }\n`);
}

/** A small tower over sharded tables, and one that is not sharded. @param more options of `train`, after a comma */
export function splitTables(more = ""): string {
  const split = {
    user: "encoding: exact, shards: 5, eviction: { steps_to_live: 4000 }",
    ad: "encoding: hash, rows: 900, shards: 4, optimizer: { adagrad: {} }, precision: int8",
    site: "encoding: exact, shards: 4, optimizer: adam",
    slot: "encoding: dhe, dhe: { hashes: 16, width: 16 }",
  };
  return withTables(split, `lanes: ${LANES}, round: 64${more}`);
}

function written(text: string): string {
  const path = join(temporary(), "lanes.yaml");
  writeFileSync(path, text.replace(/residual: \[[^\]]*\]/, "residual: [8]"));
  return path;
}

/** The command line of a single process with all lanes, up to the end of the topic. */
export const laneLine = (
  kafka: { readonly brokers: string },
  topic: string,
  out: string,
  model: string,
  ...more: string[]
) => [
  ...["train", "--model", model, "--kafka", kafka.brokers, "--topic", topic, "--group", topic],
  ...["--out", out, "--until", "end", "--threads", "1", "--json", ...more],
];

/** Events over partitions of unequal length; the last one is empty. */
export async function unevenly(count: number, partitions = 6): Promise<{ value: string; partition: number }[]> {
  const events = await rows(count);
  return events.map((value, i) => ({ value, partition: i % 11 === 0 ? 0 : i % (partitions - 1) }));
}

/** A topic of events over partitions of unequal length; one is empty. */
export async function topicOf(kafka: TestKafka, count: number, partitions?: number): Promise<string> {
  const topic = await kafka.topic(partitions ?? 6);
  await kafka.produce(topic, await unevenly(count, partitions));
  return topic;
}

export const reportOf = ({ stdout }: { stdout: string }) => JSON.parse(stdout.trim().split("\n").at(-1)!) as Report;

/** The report and files of a run to the topic's end. */
export async function learnedBy(model: string, kafka: TestKafka, topic: string, ...more: string[]) {
  const out = temporary();
  const line = laneLine(kafka, topic, out, model, ...more);
  // A launcher starts processes with its own command line.
  const outcome = line.includes("--processes") ? await ended(start(line)) : await run(line);
  expect(outcome, outcome.stderr).toMatchObject({ status: 0 });
  return { report: reportOf(outcome), files: digests(out) };
}

/** The same for shares of lanes and owners in this process, each in a thread of its own: most of a short run is the start of its processes. */
export async function learnedByShares(
  model: string,
  { options: kafka }: TestKafka,
  topic: string,
  { processes, owners = 0, takeoverMs }: { processes: number; owners?: number; takeoverMs?: number },
) {
  const out = temporary();
  const from = { kafka, topic, group: topic, start: { at: "earliest" }, stop: { at: "end" }, onLost: "stop" } as const;
  const shared = { model, out, topic: from, roundsTopic: `${topic}.${basename(out)}`, threads: 1 };
  const sharesOf = (of: number) => Array.from({ length: of }, (_, number) => ({ number, of }));
  const done = new AbortController();
  const held = sharesOf(owners).map((owner) => trainLanes({ ...shared, owner, signal: done.signal }));
  const ownersOf = owners > 0 ? { owners } : {};
  const [report] = await Promise.all(
    sharesOf(processes).map((lane) => trainLanes({ ...shared, ...ownersOf, lane, takeoverMs })),
  );
  done.abort();
  await Promise.all(held);
  return { report: report!, files: digests(out) };
}

/**
 * Kills processes that a launcher has begun, one at a time, until it has ended.
 * @param end the launcher's
 * @param isNext by a command line and how many were killed
 * @returns how many were killed
 */
export async function killed(
  launcher: ChildProcess,
  end: Promise<unknown>,
  { most, everyMs, isNext }: { most: number; everyMs: number; isNext: (line: string[], before: number) => boolean },
): Promise<number> {
  let count = 0;
  let over = false;
  void end.then(() => {
    over = true;
  });
  while (!over && count < most) {
    await sleep(everyMs);
    const victim = childrenOf(launcher.pid!).find((pid) => isNext(lineOf(pid), count));
    if (victim === undefined) continue;
    process.kill(victim, "SIGKILL");
    count++;
  }
  return count;
}

/** Child processes of a process. */
export const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);

/** The command line of a process; empty if it has exited. */
export function lineOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}
