import { spawnSync } from "node:child_process";

/** Resources of a whole process, from its start to its exit. */
export interface Measured {
  readonly wall_seconds: number;
  /** User and system time of the process and its children. */
  readonly processor_seconds: number;
}

/** Runs a command to its end. @throws Error with the end of its standard error if it fails */
export function measured(command: string, ...args: string[]): Measured & { readonly stdout: string } {
  // Node does not report a child's resources; the shell does.
  const script = 'TIMEFORMAT="%3R %3U %3S"; time "$@" 2>&3';
  const child = spawnSync("bash", ["-c", script, "bash", command, ...args], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  if (child.status !== 0) throw new Error(`${command} ${args.join(" ")}: exit ${child.status}\n${child.output[3]}`);
  const [wall, user, system] = child.stderr.trim().split("\n").at(-1)!.split(" ").map(Number);
  return { wall_seconds: wall, processor_seconds: Number((user + system).toFixed(3)), stdout: child.stdout };
}
