import type { ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { background } from "./background.js";

/** Where Linux bounds processor time: of control groups' first version, and of the second. */
const FIRST = "/sys/fs/cgroup/cpu";
const SECOND = "/sys/fs/cgroup";
const PERIOD_US = 10_000;

const first = existsSync(join(FIRST, "cpu.cfs_quota_us"));
const root = first ? FIRST : SECOND;

/** Processes of which each has a share of a core at most. */
export class Quotas {
  private readonly share: number;
  private readonly groups = new Set<string>();

  constructor(share: number) {
    this.share = share;
  }

  /** @returns null where processes can be bounded here */
  static whyUnavailable(): string | null {
    const probe = new Quotas(0.5);
    try {
      probe.group(0);
      return null;
    } catch (error) {
      return `no control group for processor time can be made here: ${error instanceof Error ? error.message : error}`;
    } finally {
      probe.close();
    }
  }

  /** Starts the built command line in the group of this number. */
  start(number: number, args: readonly string[]): ChildProcess {
    const procs = join(this.group(number), "cgroup.procs");
    return background(args, ["sh", "-c", 'echo $$ > "$0" && exec "$@"', procs]);
  }

  /** Removes the groups; their processes have ended. */
  close(): void {
    for (const group of this.groups) rmdirSync(group);
    this.groups.clear();
  }

  private group(number: number): string {
    const group = join(root, `hashbrook-bench-${process.pid}-${number}`);
    if (this.groups.has(group)) return group;
    mkdirSync(group);
    this.groups.add(group);
    const quota = Math.round(this.share * PERIOD_US);
    if (first) {
      writeFileSync(join(group, "cpu.cfs_period_us"), String(PERIOD_US));
      writeFileSync(join(group, "cpu.cfs_quota_us"), String(quota));
    } else writeFileSync(join(group, "cpu.max"), `${quota} ${PERIOD_US}`);
    return group;
  }
}
