import { existsSync, readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { simulatedLines, type start } from "../e2e/hashbrook.js";
import { LR } from "../small-specs.js";

export { DEEP_CROSSING, LR } from "../small-specs.js";

/** Rows of the simulator, as message values. */
export const rows = (count: number, seed = 3): Promise<string[]> => simulatedLines(count, seed);

/** The command line of a trainer that reads a topic as a member of a group with the topic's name. */
export function training(
  { brokers }: { readonly brokers: string },
  topic: string,
  out: string,
  { model = LR, group = topic }: { readonly model?: string; readonly group?: string } = {},
): string[] {
  return ["train", "--model", model, "--kafka", brokers, "--topic", topic, "--group", group, "--out", out];
}

/** Checkpoints only at the start and at the end. */
export const NO_CHECKPOINTS = ["--checkpoint-seconds", "0", "--checkpoint-every", "1000000"];

/** Waits until a process has written a match to its standard error. */
export function waitForLog(child: ReturnType<typeof start>, pattern: RegExp): Promise<RegExpExecArray> {
  let text = "";
  return new Promise((resolve, reject) => {
    child.stderr!.on("data", (data) => {
      text += data;
      const match = pattern.exec(text);
      if (match) resolve(match);
    });
    child.on("close", () => reject(new Error(`it ended: ${text.slice(-2000)}`)));
  });
}

/** Examples in a run's newest checkpoint; -1 before there is one. */
export function saved(out: string): number {
  const names = existsSync(out) ? readdirSync(out) : [];
  return Math.max(-1, ...names.map((name) => Number(/^checkpoint-(\d+)$/.exec(name)?.[1] ?? -1)));
}

/** Kills a trainer after `ms`, or as soon as it has saved `events` more: a fast machine is not at the end by then. */
export async function killedSoon(child: ReturnType<typeof start>, out: string, ms: number, events: number) {
  const [end, before] = [performance.now() + ms, saved(out)];
  while (child.exitCode === null && performance.now() < end && saved(out) < before + events) await sleep(2);
  child.kill("SIGKILL");
}
