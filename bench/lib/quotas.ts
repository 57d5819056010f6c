import type { ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { background } from "./background.js";

/** Paths of Linux control groups for processor time: of version 1, and of version 2. */
const FIRST = "/sys/fs/cgroup/cpu";
const SECOND = "/sys/fs/cgroup";
/** Quotas of a period must be a millisecond or more. */
const PERIOD_US = 50_000;

const first = existsSync(join(FIRST, "cpu.cfs_quota_us"));
const root = first ? FIRST : SECOND;

/** Processes that each have a maximum share of a core. */
export class Quotas {
  private readonly groups = new Set<string>();

  /** @returns null if processes cannot be limited here */
  static whyUnavailable(): string | null {
    const probe = new Quotas();
    try {
      probe.group(0, 0.5);
      return null;
    } catch (error) {
      return `cannot create a control group for processor time here: ${error instanceof Error ? error.message : error}`;
    } finally {
      probe.close();
    }
  }

  /** Starts the built command line in the group of this number, with this share of a core. @param by a command that executes the given one */
  start(number: number, share: number, args: readonly string[], by: readonly string[] = []): ChildProcess {
    const procs = join(this.group(number, share), "cgroup.procs");
    return background(args, ["sh", "-c", 'echo $$ > "$0" && exec "$@"', procs, ...by]);
  }

  /** Removes the groups. What still runs in them, after a failure, is killed: it would keep its network link, too. */
  close(): void {
    for (const group of this.groups) remove(group);
    this.groups.clear();
  }

  private group(number: number, share: number): string {
    const group = join(root, `hashbrook-bench-${process.pid}-${number}`);
    if (!this.groups.has(group)) mkdirSync(group);
    this.groups.add(group);
    const quota = Math.round(share * PERIOD_US);
    if (first) {
      writeFileSync(join(group, "cpu.cfs_period_us"), String(PERIOD_US));
      writeFileSync(join(group, "cpu.cfs_quota_us"), String(quota));
    } else writeFileSync(join(group, "cpu.max"), `${quota} ${PERIOD_US}`);
    return group;
  }
}

/** A process that was killed is in its group for some time more: it may wait for its share of a core. */
function remove(group: string): void {
  const running = () => readFileSync(join(group, "cgroup.procs"), "utf8").split("\n").filter(Boolean);
  for (const pid of running()) kill(Number(pid));
  const turn = new Int32Array(new SharedArrayBuffer(4));
  for (let turns = 0; turns < 3000 && running().length > 0; turns++) Atomics.wait(turn, 0, 0, 20);
  rmdirSync(group);
}

/** Kills a process, unless it has just ended. */
function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
