import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { KafkaAdmin } from "../../src/sources/kafka/admin.js";
import type { KafkaOptions } from "../../src/sources/kafka/client.js";
import { lastWords } from "./background.js";

const LOOK_MS = 25;
/** Clock ticks of Linux, whatever the kernel uses internally. */
const TICKS_A_SECOND = 100;

/** When a round was complete, and the processor time of each process by then, in seconds. */
export interface Mark {
  readonly at: number;
  readonly processor: readonly number[];
}

/**
 * When all lanes had contributed to each round.
 * @param topic of the rounds
 * @param others messages of its partition 0 that do not belong to a round
 * @param isOver asked with the number of rounds so far; if true, the processes are killed. Default: they end by themselves
 * @throws Error if a process fails
 */
export async function roundTimes(
  kafka: KafkaOptions,
  topic: string,
  others: number,
  processes: readonly ChildProcess[],
  isOver: (rounds: number) => boolean = () => false,
): Promise<readonly Mark[]> {
  const marks: Mark[] = [];
  const end = Promise.all(processes.map(ended));
  const admin = await KafkaAdmin.open(kafka);
  let going = true;
  const stop = () => {
    going = false;
  };
  end.then(stop, stop);
  while (going) {
    const told = await admin.watermarks(topic).catch(() => []);
    const rounds = Math.min(...told.map(({ high }, lane) => Number(high) - (lane === 0 ? others : 0)));
    if (told.length > 0 && rounds > marks.length) marks.push(markOf(processes));
    if (isOver(marks.length)) for (const child of processes) child.kill("SIGKILL");
    await sleep(LOOK_MS);
  }
  await admin.close();
  await end;
  return marks;
}

/**
 * When a process with JSON progress has learned this many events, twice as many, …
 * @param most kills it after this many of them
 * @throws Error if it fails
 */
export async function foldTimes(events: number, child: ChildProcess, most: number): Promise<readonly Mark[]> {
  const marks: Mark[] = [];
  child.stderr!.on("data", (data) => {
    for (const [, examples] of String(data).matchAll(/"examples":(\d+)/g))
      while (Number(examples) >= (marks.length + 1) * events && marks.length < most) marks.push(markOf([child]));
    if (marks.length >= most) child.kill("SIGKILL");
  });
  await ended(child);
  return marks;
}

const markOf = (processes: readonly ChildProcess[]): Mark => ({
  at: performance.now() / 1000,
  processor: processes.map(processorSeconds),
});

/** Of all its threads; NaN if it has ended. */
function processorSeconds({ pid }: ChildProcess): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
  } catch {
    return Number.NaN;
  }
}

/** @throws Error where it fails, unless it was killed here */
export function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.on("close", (status) =>
      status === 0 || child.killed ? resolve() : reject(new Error(`exit ${status}: ${lastWords(child)}`)),
    );
  });
}
