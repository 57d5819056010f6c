import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomically } from "../core/atomic-file.js";
import { systemClock } from "../core/clock.js";
import { HashbrookError } from "../core/errors.js";
import { nodeFiles } from "../core/files.js";
import type { TopicSpec } from "../sources/kafka/open-topic.js";
import { stopSignal } from "./signals.js";

/** What launching depends on of `train`'s flags. */
interface Launch {
  readonly out: string;
  readonly resume?: true;
  readonly lane?: unknown;
  readonly roundsTopic?: string;
}

const FILE = "rounds";
/** A process that has died of a signal or of brokers that were away is begun again so long after. */
const AGAIN_MS = 500;
/** Exit code of what Kafka's absence ends. */
const KAFKA = 8;
const FLAGS = ["--processes", "--rounds-topic"];

/**
 * Runs `count` processes of this command line, each of which works its share of the lanes, until all have come to the end. One that dies
 * is begun again; one that fails ends all.
 */
export async function launchLanes(count: number, flags: Launch, topic: TopicSpec | undefined): Promise<void> {
  if (!topic)
    throw new HashbrookError("usage", "--processes: lanes of several processes learn from Kafka", {
      hint: "give --kafka and --topic; files are learned by one process",
    });
  if (flags.lane) throw new HashbrookError("usage", "--processes and --lane: give one of them");
  const rounds = flags.roundsTopic ?? roundsTopic(flags, topic.topic);
  const line = withoutFlags(process.argv.slice(2));
  const args = (k: number) => [...line, "--lane", `${k}/${count}`, "--rounds-topic", rounds];
  const { signal, release } = stopSignal();
  const members = Array.from({ length: count }, (_, k) => new ChildMember(k, args(k)));
  const stop = () => {
    for (const member of members) member.end("SIGTERM");
  };
  signal.addEventListener("abort", stop, { once: true });
  const codes = members.map((member) => member.run(signal));
  try {
    const failed = await Promise.race([firstFailure(codes), Promise.all(codes).then(() => 0)]);
    if (failed !== 0) process.exitCode = failed;
  } finally {
    stop();
    await Promise.all(codes);
    release();
  }
}

async function firstFailure(codes: readonly Promise<number>[]): Promise<number> {
  return new Promise((resolve) => {
    for (const code of codes) void code.then((value) => value !== 0 && resolve(value));
  });
}

/** The run's own topic, by whose name a run that is resumed knows it again. */
function roundsTopic({ out, resume }: Launch, topic: string): string {
  const path = join(out, FILE);
  if (resume && existsSync(path)) return readFileSync(path, "utf8").trim();
  const name = `${topic}.rounds.${systemClock.now().toString(36)}`;
  mkdirSync(out, { recursive: true });
  writeFileAtomically(nodeFiles, path, new TextEncoder().encode(`${name}\n`));
  return name;
}

function withoutFlags(line: readonly string[]): string[] {
  return line.filter((word, i) => {
    const flag = FLAGS.some((name) => word === name || word.startsWith(`${name}=`));
    return !flag && !FLAGS.includes(line[i - 1]);
  });
}

/** One of the processes, begun again for as long as it dies. */
class ChildMember {
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

  /** @returns the exit code that it came to its end with */
  async run(stop: AbortSignal): Promise<number> {
    for (let again = false; ; again = true) {
      if (this.ending || stop.aborted) return 0;
      const code = await this.once(again);
      if (this.ending || (code !== null && code !== KAFKA)) return this.ending ? 0 : code!;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }

  /** @returns null where a signal ended it */
  private once(again: boolean): Promise<number | null> {
    const resumes = again && !this.args.includes("--resume") ? ["--resume"] : [];
    // One reports: the first, which writes the run's directory.
    const stdio = this.number === 0 ? "inherit" : (["ignore", "ignore", "pipe"] as const);
    const child = spawn(process.execPath, [process.argv[1], ...this.args, ...resumes], { stdio: stdio as "inherit" });
    this.child = child;
    // Their warnings are the first one's; an error's words are shown once it has ended.
    let said = "";
    child.stderr?.on("data", (bytes) => {
      said = (said + bytes).slice(-4000);
    });
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => {
        if (code !== 0 && code !== null && said) process.stderr.write(said);
        resolve(code);
      });
    });
  }
}
