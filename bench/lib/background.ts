import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";

/** The end of each process's standard error. */
const last = new Map<ChildProcess, string>();

/** Starts the built command line; only its standard error is captured. @param by a command that executes the given one */
export function background(args: readonly string[], by: readonly string[] = []): ChildProcess {
  const [command, ...rest] = [...by, process.execPath, "dist/cli/main.js", ...args];
  const child = spawn(command, rest, { stdio: ["ignore", "ignore", "pipe"] });
  child.stderr!.on("data", (data) => last.set(child, `${lastWords(child)}${data}`.slice(-2000)));
  return child;
}

export function lastWords(child: ChildProcess): string {
  return last.get(child) ?? "";
}

/** Waits until a process has written a match to its standard error. */
export function said(child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> {
  let text = "";
  return new Promise((resolve, reject) => {
    child.stderr!.on("data", (data) => {
      text += data;
      const match = pattern.exec(text);
      if (match) resolve(match);
    });
    child.on("close", () => reject(new Error(text.slice(-2000))));
  });
}

/** Resident memory of a process. */
export function residentMiB({ pid }: ChildProcess): number {
  const [, kib] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Math.round(Number(kib) / 1024);
}
