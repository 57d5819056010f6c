import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomically } from "../core/atomic-file.js";
import { systemClock } from "../core/clock.js";
import { errorFacts, HashbrookError } from "../core/errors.js";
import { nodeFiles } from "../core/files.js";
import { processFlags } from "../core/node-flags.js";
import { withAdmin } from "../sources/kafka/admin.js";
import type { TopicSpec } from "../sources/kafka/open-topic.js";
import { loadSpec } from "../spec/parse.js";
import { LAUNCHED, LAUNCHERS_STOP, stopSignal } from "./signals.js";

/** The flags of `train` that launching depends on. */
interface Launch {
  readonly model: readonly string[];
  readonly out: string;
  readonly resume?: true;
  readonly lane?: unknown;
  readonly owner?: unknown;
  readonly owners?: number;
  readonly roundsTopic?: string;
}

const FILE = "rounds";
/** Delay before a process that died is restarted, in ms. */
const AGAIN_MS = 500;
/**
 * Exit code of failures after which a process is restarted: unreachable brokers, a lane taken over by another process.
 */
const AGAIN = errorFacts.lanes_cut_off.exit;
const FLAGS = ["--processes", "--rounds-topic"];
/** Flags with ports, which only one process per machine can listen on. */
const PORTS = ["--metrics-port", "--serve"];

/**
 * Runs `count` processes of this command line, each with its share of the lanes, until all have finished. A process
 * that dies is restarted; one that fails ends the run.
 * @throws HashbrookError usage; spec_invalid, kafka_…
 */
export async function launchLanes(count: number, flags: Launch, topic: TopicSpec | undefined): Promise<void> {
  if (!topic)
    throw new HashbrookError("usage", "--processes: requires a Kafka topic", {
      hint: "give --kafka and --topic; files are learned by a single process",
    });
  const one = flags.lane ? "--lane" : flags.owner ? "--owner" : null;
  if (one) throw new HashbrookError("usage", `--processes and ${one} cannot be combined`);
  if (flags.model.length > 1)
    throw new HashbrookError("usage", "--processes: several models cannot share lanes", { hint: "give one --model" });
  // Errors in these are reported once, before anything is created.
  loadSpec(flags.model[0]);
  await withAdmin(topic.kafka, (admin) => admin.partitionsOf(topic.topic));
  const rounds = flags.roundsTopic ?? roundsTopic(flags, topic.topic);
  const line = withoutFlags(process.argv.slice(2), FLAGS);
  const args = (k: number) => [
    ...(k === 0 ? line : withoutFlags(line, PORTS)),
    ...["--lane", `${k}/${count}`, "--rounds-topic", rounds],
  ];
  const { owners = 0 } = flags;
  const ownerLine = withoutFlags(line, [...PORTS, "--owners"]);
  const ownerArgs = (k: number) => [...ownerLine, "--owner", `${k}/${owners}`, "--rounds-topic", rounds];
  const { signal, release } = stopSignal();
  const members = Array.from({ length: count }, (_, k) => new ChildMember(k, args(k)));
  const holders = Array.from({ length: owners }, (_, k) => new ChildMember(count + k, ownerArgs(k)));
  process.exitCode = await endOf(members, holders, signal);
  release();
  if (process.exitCode === 0) rmSync(join(flags.out, FILE), { force: true });
}

/**
 * Runs all processes until those with lanes have finished, one has failed, or the signal aborts.
 * @param owners needed until the last checkpoint is written
 * @returns the exit code of the run
 */
async function endOf(
  workers: readonly ChildMember[],
  owners: readonly ChildMember[],
  signal: AbortSignal,
): Promise<number> {
  const members = [...workers, ...owners];
  const stop = () => {
    for (const worker of workers) worker.end(LAUNCHERS_STOP);
  };
  signal.addEventListener("abort", stop, { once: true });
  const working = workers.map((member) => member.run(signal));
  const codes = [...working, ...owners.map((owner) => owner.run(new AbortController().signal))];
  const failed = await Promise.race([firstFailure(codes), Promise.all(working).then(() => -1)]).finally(stop);
  // Without an owner there is no last checkpoint.
  if (failed >= workers.length) for (const worker of workers) worker.end("SIGKILL");
  await Promise.all(working);
  for (const owner of owners) owner.end(LAUNCHERS_STOP);
  const all = await Promise.all(codes);
  // The first process has printed its own error; if all have the same one, that is enough.
  if (failed > 0 && all[0] === 0) process.stderr.write(members[failed].said);
  return failed < 0 ? 0 : all[failed];
}

/** @returns the index of the first process that fails */
async function firstFailure(codes: readonly Promise<number>[]): Promise<number> {
  return new Promise((resolve, reject) => {
    for (const [k, code] of codes.entries()) code.then((value) => value !== 0 && resolve(k), reject);
  });
}

/**
 * The run's own topic, stored under the run's directory so that a killed run finds it again. A run that has finished
 * continues with a new topic.
 */
function roundsTopic({ out, resume }: Launch, topic: string): string {
  const path = join(out, FILE);
  if (resume && existsSync(path)) return readFileSync(path, "utf8").trim();
  const name = `${topic}.rounds.${systemClock.now().toString(36)}`;
  nodeFiles.mkdir(out);
  writeFileAtomically(nodeFiles, path, new TextEncoder().encode(`${name}\n`));
  return name;
}

function withoutFlags(line: readonly string[], flags: readonly string[]): string[] {
  return line.filter((word, i) => {
    const flag = flags.some((name) => word === name || word.startsWith(`${name}=`));
    return !flag && !flags.includes(line[i - 1]);
  });
}

/** One of the processes, restarted whenever it dies. */
class ChildMember {
  /** What the current process has written to standard error, unless that is ours. */
  said = "";
  private readonly number: number;
  private readonly args: readonly string[];
  private child: ChildProcess | null = null;
  private ending = false;

  constructor(number: number, args: readonly string[]) {
    this.number = number;
    this.args = args;
  }

  end(signal: NodeJS.Signals): void {
    this.ending = true;
    this.child?.kill(signal);
  }

  /** @returns the final exit code; 0 if a signal ended the process after `end` */
  async run(stop: AbortSignal): Promise<number> {
    for (let again = false; ; again = true) {
      if (this.ending || stop.aborted) return 0;
      const code = await this.once(again);
      if (this.ending) return code ?? 0;
      if (code !== null && code !== AGAIN) return code;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }

  /** @returns null if a signal ended the process */
  private once(again: boolean): Promise<number | null> {
    const resumes = again && !this.args.includes("--resume") ? ["--resume"] : [];
    // Only the first process reports: it writes the run's directory. Warnings of the others are the same.
    // The channel tells them when the launcher is gone.
    const stdio: StdioOptions =
      this.number === 0 ? ["inherit", "inherit", "inherit", "ipc"] : ["ignore", "ignore", "pipe", "ipc"];
    // In a process group of its own: the launcher handles Ctrl-C and decides who ends when. A second signal would end
    // them without a checkpoint.
    const env = { ...process.env, [LAUNCHED]: "1" };
    const line = [...processFlags(), process.argv[1], ...this.args, ...resumes];
    const child = spawn(process.execPath, line, { stdio, detached: true, env });
    this.child = child;
    this.said = "";
    child.stderr?.on("data", (bytes) => {
      this.said = (this.said + bytes).slice(-4000);
    });
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
  }
}
